"""Appends after the largest message there may be, beside appends without one: it must not ride in the head."""

from dataclasses import dataclass

from benchmarks.appends import AppendCosts, append_one, costs, whole_generations
from benchmarks.profiles import TYPICAL
from benchmarks.stage import Stage, default_settings
from shared.models import MessageInput

BEFORE, AFTER = 40, 60  # messages


@dataclass(frozen=True, slots=True)
class LargeMessage:
    """What appends of ordinary messages cost without and after one of that size, and the very next one, in units."""

    message_bytes: int
    without: AppendCosts
    after: AppendCosts
    next_units: float

    @property
    def ratio(self) -> float:
        """The dearer of the next append and the mean of those after, over the mean without."""
        return max(self.next_units, self.after.mean("units")) / self.without.mean("units")


async def measure(stage: Stage) -> LargeMessage:
    """Append to two sessions, of which one has got a message as large as may be."""
    size = default_settings().max_message_bytes
    without, _ = await _appends(stage, None)
    after, next_units = await _appends(stage, MessageInput(role="user", content="x" * size))
    return LargeMessage(size, without, after, next_units)


async def _appends(stage: Stage, large: MessageInput | None) -> tuple[AppendCosts, float]:
    user_id = TYPICAL.user_id()
    session, _ = await stage.chat.create_session(user_id, TYPICAL.session())
    place = user_id, session.id
    for number in range(BEFORE):
        await stage.append(place, [TYPICAL.message(number)])
    if large:
        await stage.append(place, [large])
    appends = [await append_one(stage, TYPICAL, place, BEFORE + number) for number in range(AFTER)]
    return costs(whole_generations(appends)), sum(one.charge for one in appends[0].exchanges)
