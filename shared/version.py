"""The version of Parley, said once: health, the OpenAPI document and the packages take it from here."""

from typing import Final

VERSION: Final = "0.2.0"
