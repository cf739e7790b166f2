"""What is held to be good enough: the results and the choice of thresholds are measured against these."""

REQUESTS_PER_APPEND = 1.15  # with rotation spread over all appends; 1 without
UNITS_PER_APPEND = 25.0
APPEND_BYTES_GROWTH = 1.05  # request bytes of a late append over those of an early one
SEALED_LENGTH = 100  # messages of a session that seals pages already, so that its appends cost rotation too
ARCHIVAL_RATE = 0.90  # of a bare loop of the same writes
HANDLER_OVERHEAD = 1.15  # whole handler over a bare SDK call
NEIGHBOUR_BYTES = 300  # times fewer, in bodies, than LangChain's history for an append at NEIGHBOUR_LENGTH messages
NEIGHBOUR_LENGTH = 1_000
IMPORT = 1.10  # of the app over its third-party modules alone
MEMORY = 1.10  # resident at the last look over the first

AFTER_LARGE = 1.01  # units of an append after the largest message there may be, over those of one without

# Chats, at CHAT_LENGTHS messages; a build is the one before, in the same run.
CHAT_LENGTHS = (100, 1_000, 10_000)
REAL_TURN_OVER_BUILD = 0.60
TYPICAL_TURN_OVER_BUILD = 0.72
TURN_OVER_DOCUMENTS = 0.85  # one document per message
SINGLES_OVER_DOCUMENTS = 1.0  # two single appends and a resume of the newest 20
CHAT_REQUESTS_PER_APPEND = 1.06
SERIAL_ROUND_TRIPS = 1  # that an append waits for, 95th percentile
RESUME_REQUESTS = 2  # of the newest 50
RESUME_OVER_DOCUMENTS = 1.05  # units
CONNECTIONS_AFTER_REST = 0

TURN_OVER_HAND = 1.05  # units, of a turn over two appends and a resume of the newest 20, however long its reply takes
