"""What can go wrong in the domain: one root, a few leaves, facts as attributes, no HTTP in sight."""

from collections.abc import Sequence


class ParleyError(Exception):
    """Parley refused or failed to do what was asked."""

    def __str__(self) -> str:
        """Return the message given, or the first line of the class's docstring."""
        return super().__str__() or (self.__doc__ or "").partition("\n")[0]


class SessionNotFoundError(ParleyError):
    """The owner has no session by that id."""


class MessageNotFoundError(ParleyError):
    """The session has no message by that id."""


class ShareNotFoundError(ParleyError):
    """The link was never made, has expired or was revoked, or its session is gone."""


class TooManySharesError(ParleyError):
    """The session has as many links as it may have; revoke one first."""


class SessionExistsError(ParleyError):
    """The owner already has a session by that id."""


class SessionArchivedError(ParleyError):
    """The session is archived and takes no messages; restore it first."""


class MessageConflictError(ParleyError):
    """Messages with these ids are stored already, with other content or only some of them."""

    def __init__(self, ids: Sequence[str]) -> None:
        """Keep the ids that clash, in the order they were sent."""
        super().__init__()
        self.ids = list(ids)


class IdempotencyConflictError(ParleyError):
    """The Idempotency-Key was used before, for a request with another body."""


class PreconditionFailedError(ParleyError):
    """The session has changed since the version that the caller named."""


class NoResponderError(ParleyError):
    """No model is configured here, so nothing replies; set MODEL_ENDPOINT and MODEL_NAME."""


class CallerMayNotSetError(ParleyError):
    """This deployment does not let a request choose that."""

    def __init__(self, names: Sequence[str]) -> None:
        """Keep which fields were set."""
        super().__init__(f"This deployment does not let a request set {', '.join(names)}.")
        self.names = list(names)


class NothingToAnswerError(ParleyError):
    """A turn needs a message to answer: send one, which no assistant says, or a session that has one."""


class TurnNotNewestError(ParleyError):
    """More was said since, so that a reply to that message would come too late; rewind or fork the session first."""


class ModelError(ParleyError):
    """The model made no reply; what was said is stored, and sending the turn again asks anew."""

    finish_reason = "model_failed"  # of a reply that had begun when this happened


class ModelFailedError(ModelError):
    """The model failed, or its answer broke off; what was said is stored, and sending the turn again asks anew."""


class ModelTimeoutError(ModelError):
    """The model did not answer in time; what was said is stored, and sending the turn again asks anew."""

    finish_reason = "model_timeout"


class ModelThrottledError(ModelError):
    """The model, or this instance, has as much to do as it may have; send the turn again later."""

    def __init__(self, retry_after_seconds: int = 2) -> None:
        """Keep how long the caller had better wait, in seconds."""
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class ContentFilteredError(ModelError):
    """The model's content filter refused what was said, or the reply to it; what was said is stored."""

    finish_reason = "content_filter"


class PromptTooLongError(ModelError):
    """The model takes no prompt of this length."""


class TurnInProgressError(ParleyError):
    """Another reply is being made in this session; send the turn again when it is there."""

    def __init__(self, reply_id: str, retry_after_seconds: int) -> None:
        """Keep which reply it is, and how long the caller had better wait, in seconds."""
        super().__init__()
        self.reply_id = reply_id
        self.retry_after_seconds = retry_after_seconds


class LeaseLostError(ParleyError):
    """The reply is nobody's to store any more: its turn was over, or the history was changed meanwhile."""


class PayloadTooLargeError(ParleyError):
    """A message, or the messages of one request together, are larger than may be stored."""

    def __init__(self, what: str, size_bytes: int, limit_bytes: int) -> None:
        """Keep what was too large and by how much."""
        super().__init__(f"{what} is {size_bytes} bytes; at most {limit_bytes} are allowed.")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class StoreError(ParleyError):
    """The store could not do its work now; nothing was half done and trying again is safe."""

    def __init__(self, retry_after_seconds: int = 2) -> None:
        """Keep how long the caller had better wait, in seconds."""
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class StoreThrottledError(StoreError):
    """The store is over its provisioned rate and its own retries are used up."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached, did not answer in time, or was too contended."""


class StoreUnusableError(StoreUnavailableError):
    """The store is not set up as Parley needs it; the log says what is wrong and how to mend it."""

    def __init__(self, reason: str, retry_after_seconds: int = 5) -> None:
        """Keep what is wrong, for the log and for whoever runs a command, never for a caller of the API."""
        super().__init__(retry_after_seconds)
        self.reason = reason
