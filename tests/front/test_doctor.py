"""The doctor says what is here and which sandbox would be taken."""

import json
import re

import pytest

from forethought.cli import main
from forethought.sandbox.select import backends


def test_the_doctor_names_every_sandbox_and_the_one_that_auto_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    by_name = {finding["name"]: finding for finding in found["findings"]}
    statuses = backends()
    assert {f"sandbox {status.name}" for status in statuses} <= by_name.keys()
    for status in statuses:
        assert by_name[f"sandbox {status.name}"]["ok"] is status.usable
        assert by_name[f"sandbox {status.name}"]["detail"].startswith(status.engine)
    usable = [status.name for status in statuses if status.usable and status.name != "local"]
    assert found["sandbox"] == (usable[0] if usable else None)


@pytest.mark.docker
def test_the_doctor_names_the_engine_with_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    detail = next(each["detail"] for each in findings if each["name"] == "sandbox docker")
    assert re.match(r"Docker engine \d+\.\d+\S*, with(out)? gVisor \(runsc\); container: ", detail)


def test_the_doctor_says_how_much_disk_training_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    disk = next(finding for finding in findings if finding["name"] == "disk")
    assert disk["detail"].endswith("GB free here; training the embedded model takes up to 8 GB")
    shown = float(disk["detail"].split()[0])
    assert shown >= 8 if disk["ok"] else shown <= 8, "what is shown is rounded"


def test_what_is_missing_comes_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    optional = {"vllm", "gpu", "sandbox docker", "sandbox bwrap", "sandbox local"}
    for finding in findings:
        if not finding["ok"] and finding["name"] not in optional:
            assert finding["advice"]
