"""What can go wrong between a caller and Parley: one root, one leaf, facts as attributes."""

from collections.abc import Mapping
from typing import Any


class ParleyError(Exception):
    """Parley refused a request; `code` and `status` are those of its problem document, None where there was none.

    `repeated`: the answer to an earlier try was lost, and that one may have been carried out.
    """

    repeated: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep what is known of the refusal; `problem` is the whole document."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.problem = dict(problem or {})


class UnavailableError(ParleyError):
    """Parley is busy or was not reached; the request may have been carried out all the same and can be repeated.

    `retry_after_seconds` is what it asked for, if it did.
    """

    retry_after_seconds: float | None = None
