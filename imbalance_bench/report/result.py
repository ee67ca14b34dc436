"""The object that a command gives, as a dict whose tables are also DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class Result(dict[str, Any]):
    """The object that `--format json` prints, as a dict, with its tables as DataFrames."""

    def __init__(self, content: Mapping[str, Any], notices: Sequence[str] = ()) -> None:
        super().__init__({**content, "notices": list(notices)})

    @property
    def notices(self) -> list[str]:
        """What the user should know beside the numbers, a sentence each."""
        found: list[str] = self["notices"]
        return found

    def frame(self, name: str = "rows") -> pd.DataFrame:
        """The list of that name ("rows", "per_class", "per_rank", ...) as a DataFrame.

        Of several data sets: "ranks" has a row per strategy; the tables of the comparisons are put together,
        with the data set as first column.
        """
        import pandas as pd

        if name not in self and "comparisons" in self:
            return pd.DataFrame(
                [{"dataset": each["dataset"], **row} for each in self["comparisons"] for row in each[name]]
            )
        found = self[name]
        return pd.DataFrame(found["rows"] if isinstance(found, Mapping) and "rows" in found else found)
