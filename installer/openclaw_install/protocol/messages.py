"""The bodies that agents send each other: builders, and one check against the schemas that ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from openclaw_install.common.data_files import load_schema
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.did import is_display_name
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason, ProtocolError
from openclaw_install.protocol.header import Routing
from openclaw_install.protocol.shape import Json
from openclaw_install.protocol.times import iso

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

TEXT = "pingagent.text@1"
TASK = "pingagent.task@1"
RESULT = "pingagent.result@1"
CONTACT_REQUEST = "pingagent.contact_request@1"
RECEIPT = "pingagent.receipt@1"
CONTROL = "pingagent.control@1"
SCHEMA_FILES = {
    TEXT: "pingagent-text",
    TASK: "pingagent-task",
    RESULT: "pingagent-result",
    CONTACT_REQUEST: "pingagent-contact-request",
    RECEIPT: "pingagent-receipt",
    CONTROL: "pingagent-control",
}
ResultStatus = Literal["processed", "failed", "cancelled"]
ReceiptStatus = Literal["delivered", "refused"]
ControlAction = Literal["contact_approved", "contact_rejected", "task_cancel", "task_status"]


@dataclass(frozen=True)
class Attachment:
    """A reference to a file; its bytes never travel in a message.

    Attributes:
        url: an https address, or else
        artifact_ref: a name that both sides understand. Exactly one of the two is given.
        name: the file's name, without any folder.
        size: bytes.
        sha256: of the file, in hex.
    """

    name: str
    mime: str
    size: int
    sha256: str
    url: str | None = None
    artifact_ref: str | None = None

    def to_json(self) -> Json:
        """The attachment as it stands in a body."""
        return _given(**asdict(self))


def text_body(text: str, attachments: Sequence[Attachment] = (), in_reply_to: str | None = None) -> Json:
    """A `pingagent.text@1` body."""
    return _given(text=text, attachments=_attached(attachments), in_reply_to=in_reply_to)


def task_body(
    task_id: str,
    title: str,
    *,
    description: str | None = None,
    task_input: Json | None = None,
    deadline: float | None = None,
    handoff: Json | None = None,
    attachments: Sequence[Attachment] = (),
) -> Json:
    """A `pingagent.task@1` body; `deadline` in seconds since 1970."""
    return _given(
        task_id=task_id,
        title=title,
        description=description,
        input=task_input,
        deadline=None if deadline is None else iso(deadline),
        handoff=handoff,
        attachments=_attached(attachments),
    )


def result_body(
    task_id: str,
    status: ResultStatus,
    *,
    summary: str | None = None,
    output: Any = None,
    error: Json | None = None,
    attachments: Sequence[Attachment] = (),
) -> Json:
    """A `pingagent.result@1` body; a failed one needs `error` {"code", "message"}."""
    return _given(
        task_id=task_id,
        status=status,
        summary=summary,
        output=output,
        error=error,
        attachments=_attached(attachments),
    )


def contact_request_body(message: str, *, alias: str | None = None, display_name: str | None = None) -> Json:
    """A `pingagent.contact_request@1` body: who asks, and why."""
    return _given(message=message, alias=alias, display_name=display_name)


def receipt_body(message_id: str, status: ReceiptStatus, at: float, *, reason: str | None = None) -> Json:
    """A `pingagent.receipt@1` body: the message reached the other agent's runtime, or was refused there.

    Args:
        at: seconds since 1970.
    """
    return _given(message_id=message_id, status=status, at=iso(at), reason=reason)


def control_body(
    action: ControlAction,
    *,
    task_id: str | None = None,
    status: str | None = None,
    message_id: str | None = None,
    reason: str | None = None,
) -> Json:
    """A `pingagent.control@1` body: about a contact, or about a task (then with its id)."""
    return _given(action=action, task_id=task_id, status=status, message_id=message_id, reason=reason)


def check_body(schema: str, body: Mapping[str, Any], routing: Routing | None = None) -> None:
    """Checks a body against its schema, and what the relay sees of it against the body.

    Raises:
        EnvelopeError: with the reason `bad_body`; the text names the field, never its content.
    """
    if schema not in SCHEMA_FILES:
        raise _bad(f"this version knows no {schema}")
    try:
        canonical_json(body)
    except ProtocolError as error:
        raise _bad(error.message) from None
    if breach := _first_breach(schema, body):
        raise _bad(f"{schema}: {breach}")
    if not is_display_name(body.get("display_name", "-")):
        raise _bad(f"{schema}: the display name hides or reorders characters")
    expected = routing.to_json() if routing else {}
    if any(body.get(key) != value for key, value in expected.items()):
        raise _bad("the routing fields of the envelope say something else than its body")


def _first_breach(schema: str, body: Mapping[str, Any]) -> str | None:
    from jsonschema.exceptions import best_match

    breach = best_match(_validator(schema).iter_errors(body))
    return (
        None if breach is None else f"{breach.json_path} breaks the rule {breach.validator!r} of its schema"
    )


@cache
def _validator(schema: str) -> Draft202012Validator:
    # Loading it takes a tenth of a second, which commands that open no message need not spend.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load_schema(SCHEMA_FILES[schema]))


def _given(**fields: Any) -> Json:
    return {key: value for key, value in fields.items() if value is not None}


def _attached(attachments: Sequence[Attachment]) -> list[Json] | None:
    return [attachment.to_json() for attachment in attachments] or None


def _bad(message: str) -> EnvelopeError:
    return EnvelopeError(EnvelopeReason.BAD_BODY, message)


def said_in(body: Mapping[str, Any]) -> str:
    """What a person would read of a message's body; empty where there is no such text."""
    fields = ("text", "title", "summary", "description", "message", "status", "preview")
    return next((body[name] for name in fields if isinstance(body.get(name), str) and body[name]), "")
