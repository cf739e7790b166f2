"""What the document says of the API as a whole."""

from shared.http.body import MAX_BODY_BYTES
from shared.models import JsonObject
from shared.storable import MAX_DEPTH, MAX_INTEGER
from shared.version import VERSION

BODY_MIB = MAX_BODY_BYTES // 2**20
INTEGER_BITS = MAX_INTEGER.bit_length() - 1
ABOUT = f"""\
Parley keeps chat sessions and their messages.

**Whose data.** Every request speaks for one owner: send the header `x-user-id` (or `user_id` in the query or the body).
What belongs to somebody else does not exist for you: 404, whatever its id.
Where the service is set up for App Service Authentication (`easyauth`), the owner is the user who is signed in, and
nothing needs to be sent.
On Azure, callers of a `trusted` service send the function key as well (`x-functions-key`).

**First steps.** `POST /api/chat/messages` with `{{"role": "user", "content": "Hello!"}}` makes a session and answers
its `session_id`; `GET /api/chat/sessions/{{session_id}}` gives it back with its newest messages.

**Errors** are problem documents (RFC 9457) with a `code` for programs and a `request_id` to quote.
429 and 503 say in `Retry-After` how many seconds to wait; nothing was half done, and repeating an append that has
message ids in a session you name, or an `Idempotency-Key`, is safe, also when no answer came at all.
A turn alone is more than one step: what is said is stored first, and stays where the model or storing the reply fails,
with a 429 or 503 too. Repeated in the same way it goes on from what is there.
A mistake of the service's own would be a 500 `internal_error`.
Unknown routes, wrong methods and missing function keys are answered by the host, without a problem document.

**Lists** answer `{{data, has_more, next_cursor}}`: follow `next_cursor` while `has_more` is true.
It can stand in a URL as it is.

**Texts are compared** in one way wherever something is sought (`q`, `name`): whatever their case (Unicode's full case
folding, so `strasse` finds `Straße`), however their accents are encoded (NFC or NFD), and with every white space
character, a no-break space or a line break too, as a space.
Accents count, and compatibility forms such as full-width letters are other letters.

**Browsers** on other origins are let in where the operator says so (`CORS`); they may read the headers ETag, Location,
Retry-After, x-request-id, x-request-charge, x-next-cursor, x-session-token and x-left-out.

**Freshness.** On Cosmos DB answers have an `x-session-token`: send the newest back in the same header, and what you are
told is at least as new as that answer, on whatever instance of the service; cursors carry it by themselves.
Without it a read may be some milliseconds old; no write is ever refused for that.
A token that means nothing here is ignored.

**Every answer** has an `x-request-id`, yours if you send one of letters, digits and `._-`, and the `x-request-charge`.

**Bodies** are JSON objects in UTF-8 of at most {BODY_MIB} MiB, nested at most {MAX_DEPTH} deep, whole numbers within
±2^{INTEGER_BITS} and written without a fraction, text without lone surrogates; null in an optional field means absent.
A byte order mark before the JSON is skipped.
Unknown fields are refused.
A body needs a `Content-Length`: the Functions host drops what is sent in chunks (`Transfer-Encoding`), so that such a
request is a 411 `length_required`, and nothing is done; with `HTTP_STREAMING` such a body arrives.

**Query parameters** that are unknown are refused on PUT, PATCH and DELETE (`user_id`, `code` and `clientId` are known
everywhere), so that nothing is removed because of a misspelling, and ignored elsewhere; so are those without a value.
"""

INFO: JsonObject = {
    "title": "Parley",
    "version": VERSION,
    "description": ABOUT,
    "license": {"name": "MIT", "identifier": "MIT"},
}

TAGS: list[JsonObject] = [
    {"name": "Sessions", "description": "Chats, with a name, a channel, tags and a time to live."},
    {"name": "Messages", "description": "What was said, in order."},
    {"name": "Turns", "description": "Something is said, and the model that is configured replies."},
    {"name": "Shared", "description": "What somebody shows to everybody who has the link."},
    {"name": "Owner", "description": "Everything an owner has."},
    {
        "name": "Earlier routes",
        "description": "For clients of the systems that Parley replaces; nothing new needs them.",
    },
    {"name": "Service", "description": "The service itself; no owner is needed."},
]

SECURITY_SCHEMES: JsonObject = {
    "owner": {
        "type": "apiKey",
        "in": "header",
        "name": "x-user-id",
        "description": "The owner: 1 to 128 characters, none of `/ \\ ? #` or control characters.",
    },
    "functionKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-functions-key",
        "description": "The function key, where a `trusted` service runs on Azure.",
    },
}
SECURITY: list[JsonObject] = [{"owner": []}, {"owner": [], "functionKey": []}]

HEADERS: JsonObject = {
    "Content-Disposition": {"description": "A name for the file.", "schema": {"type": "string"}},
    "ETag": {"description": "The version, which moves with every change.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is, relative to this host.", "schema": {"type": "string"}},
    "Retry-After": {"description": "How many seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "x-left-out": {
        "description": "How many messages are missing or not whole, for a model; missing when none is.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "x-next-cursor": {"description": "Leads on as `cursor`; missing at the end.", "schema": {"type": "string"}},
    "x-request-charge": {"description": "Request units used; 0 on SQLite.", "schema": {"type": "string"}},
    "x-request-id": {"description": "The request's name, as sent or made.", "schema": {"type": "string"}},
}
