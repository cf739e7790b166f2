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
