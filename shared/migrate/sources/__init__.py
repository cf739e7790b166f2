"""The earlier systems, by the name that the command line knows them by.

How to add one: write a module here with a subclass of `shared.migrate.source.Source`, and list it in SOURCES.

- `name`, `summary`: for the command line. `extended_json = True` for what mongoexport wrote.
- `key(record)`: the owner (None where the system knew none) and the session id of one record, as they are there;
  RecordError sets the record aside. Records of one key come together, wherever in the file they stand, so a
  system with one document a message, or with sessions and messages apart, needs nothing else.
- `conversation(key, records)`: a `Conversation` of `Turn`s. Only name what is what: `Fields(document)` hands out
  the known fields, `.rest()` is everything unknown and belongs into `metadata` (a turn's) or `context` (a
  conversation's). `take_text` takes the content, so that a null is told from a missing field, and `api_fields` the
  names and calls of a message in a model's API's shape. Do not clean anything: roles, ids, times without a zone,
  ties, repeats, sizes and whatever is missing are handled for every source by `messages.py`, `sessions.py` and
  `prepare.py`. Records that are no messages go into `session_records`: `own` tell of the session itself,
  `duplicates` only say again what another one says; `first_of` sorts several documents of one session so.
- `origin(place)`: only for a source that reads something else than JSON, a database for example: an object with
  `records()` (Record or Broken, one after another, in bounded memory), `close()`, and, where `--delete-old` shall
  work, `remove(record)`. `place` is INPUT of the command line.
- Tests: a generator of at least 200 sessions beside the others in tests/migrate, which `test_every_source.py` runs
  through the same promises, and the system's own examples. Its chats have a time each: a chat without any is dated by
  its import, and two imports of it differ.
"""

from collections.abc import Mapping

from shared.migrate.source import Source
from shared.migrate.sources.aoai_sample import AoaiSample
from shared.migrate.sources.chat_messages import ChatMessages
from shared.migrate.sources.conversation_logs import ConversationLogs
from shared.migrate.sources.conversations import Conversations
from shared.migrate.sources.langchain import LangChain
from shared.migrate.sources.parley import Parley
from shared.migrate.sources.postgres import Postgres
from shared.migrate.sources.search_demo import SearchDemo
from shared.migrate.sources.ttl_chat import TtlChat

SOURCES: Mapping[str, type[Source]] = {
    source.name: source
    for source in (
        ConversationLogs,
        ChatMessages,
        Postgres,
        TtlChat,
        Conversations,
        LangChain,
        AoaiSample,
        SearchDemo,
        Parley,
    )
}
