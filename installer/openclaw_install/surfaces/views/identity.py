"""The texts about this agent and others: a card, and what the doctor found. Pure."""

from __future__ import annotations

from openclaw_install.common.jsonable import iso_time
from openclaw_install.common.shown_text import neutral
from openclaw_install.messaging.models.identity import ShownCard
from openclaw_install.messaging.models.overview import DoctorReport
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.contacts import names
from openclaw_install.surfaces.views.overview import health_lines
from openclaw_install.surfaces.views.text import Text

_WORST_FIRST = ("critical", "warn", "info")


@view.register
def shown_card(card: ShownCard) -> Text:
    """An agent's public card."""
    state = f"published, version {card.version}" if card.published else f"not published: {card.reason}"
    return Text(
        [
            card.did,
            *names(card.alias, card.display_name),
            neutral(state),
            f"signing key {card.signing_key}",
            *(
                f"encryption key {key.kid}, epoch {key.epoch}, until {iso_time(key.expires_at)}"
                for key in card.encryption_keys
            ),
            *([f"can: {', '.join(map(neutral, card.capabilities))}"] if card.capabilities else []),
        ]
    )


@view.register
def doctor_report(found: DoctorReport, *, verbose: bool = False) -> Text:
    """What was found and repaired, worst first; with `verbose` also what is only worth knowing."""
    rows = [f"repaired: {one}" for one in found.repaired]
    for one in sorted(found.findings, key=lambda one: _WORST_FIRST.index(one.severity)):
        if verbose or one.severity != "info":
            rows.append(f"{one.severity}: {one.message} ({one.code})")
            rows += [f"  next: {one.next_step}"] if one.next_step else []
    rows += [f"parked: {one.message_id} of {one.sender}: {one.reason}" for one in found.parked]
    rows += [f"failed: {one.message_id} to {one.recipient}: {one.reason}" for one in found.failed]
    verdict = "nothing is in the way" if found.ok else "something is in the way"
    health = health_lines(found.health)
    # What a finding says is not told again.
    is_repeated = any(one.message == found.health.detail for one in found.findings)
    return Text(rows=[neutral(row) for row in rows], tail=[*(health[:1] if is_repeated else health), verdict])
