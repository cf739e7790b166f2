"""Whether the documents in a container fit together: heads, the pages that count, and nothing else."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.store.cosmos.head import RECENT_IDS, Head, page_id, short_hash
from shared.store.rules import documents_bytes
from tests.chaos.history import Violation

Document = Mapping[str, Any]


def misfits(documents: Sequence[Document]) -> list[Violation]:
    """Return everything that is wrong with the documents of a container in which nothing is under way or pending."""
    heads = {(item["user_id"], item["id"]): item for item in documents if item["type"] == "session"}
    pages = [item for item in documents if item["type"] == "page"]
    by_id = {(page["user_id"], page["id"]): page for page in pages}
    wrong = [*(text for head in heads.values() for text in _head_misfits(head, by_id)), *_orphans(pages, heads)]
    return [Violation("documents", text) for text in wrong]


def _head_misfits(document: Document, pages: Mapping[tuple[str, str], Document]) -> Iterator[str]:
    head = Head(dict(document))
    if head.is_hidden or document["pending"] or document["building"]:
        yield f"{head.id} is {head.status}, pending {document['pending']}, building {document['building']}"
        return
    in_pages: list[Document] = []
    for generation in range(head.counted_pages):
        page = pages.get((head.user_id, page_id(head.id, head.epoch, generation)))
        if page is None:
            yield f"{head.id}: page {generation} of {head.counted_pages} is missing"
            return
        if page["first_seq"] != head.first_seq + len(in_pages):
            yield f"{head.id}: page {generation} begins at {page['first_seq']}, not {head.first_seq + len(in_pages)}"
        in_pages += page["messages"]
    yield from _count_misfits(head, in_pages)


def _count_misfits(head: Head, in_pages: Sequence[Document]) -> Iterator[str]:
    end = head.first_seq + len(in_pages)
    if end != head.previous_first_seq:
        yield f"{head.id}: pages end before {end}, the head begins at {head.previous_first_seq}"
    if (head.bytes, head.previous_bytes) != (documents_bytes(head.messages), documents_bytes(head.previous)):
        yield f"{head.id}: bytes is {head.bytes} and {head.previous_bytes}"
    recent = [short_hash(head.id, message["id"]) for message in in_pages][-RECENT_IDS:]
    if head.recent_ids != recent:
        yield f"{head.id}: recent_ids are not those of the {len(recent)} newest messages in pages"
    roles = Counter(message["role"] for message in in_pages)
    if head.page_summary.get("roles", {}) != roles:
        yield f"{head.id}: the summary of pages counts {head.page_summary.get('roles')} for {dict(roles)}"
    ids = [message["id"] for message in (*in_pages, *head.previous, *head.messages)]
    if len(set(ids)) < len(ids):
        yield f"{head.id}: stored twice: {[name for name, number in Counter(ids).items() if number > 1]}"


def _orphans(pages: Sequence[Document], heads: Mapping[tuple[str, str], Document]) -> Iterator[str]:
    """Find pages that no reader will ever see; the next one of a living log may be there before it counts."""
    for page in pages:
        head = heads.get((page["user_id"], page["session_id"]))
        if head is None:
            yield f"{page['id']} has no session"
        elif page["epoch"] != head["log"]["epoch"]:
            yield f"{page['id']} is of another epoch than its session"
        elif page["generation"] >= head["log"]["generation"]:
            yield f"{page['id']} is of a generation that never was"
