"""A card states what can be."""

from __future__ import annotations

import pytest

from forethought.envs import Card


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"horizons": (0, 4)}, "horizons go from 1 or more upwards, not from 0 to 4"),
        ({"horizons": (4, 2)}, "not from 4 to 2"),
        ({"horizons": (1, 4), "usual_horizons": (8,)}, r"usual horizon 8 is outside 1\.\.4"),
        ({"floor": 1.0}, "the floor is a mean score from 0 to below 1, not 1"),
        ({"prompt_chars": 0}, "prompt_chars is 1 or more, not 0"),
    ],
    ids=["no horizon", "upside down", "unusual", "floor", "prompt"],
)
def test_a_card_that_cannot_be_is_refused(stated: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Card(traits=("skills",), horizon_unit="steps", **stated)  # type: ignore[arg-type]
