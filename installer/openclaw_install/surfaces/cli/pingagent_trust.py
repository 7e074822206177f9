"""`pingagent trust`: the rules about contacts and tasks, why they decide so, and what others would decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import confirm, gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.trust.edits import Edit
    from openclaw_install.messaging.trust.results import RecommendationChange

_SECTIONS = ("contact", "task")
_ACTIONS = ("block", "reject", "manual", "approve", "deny", "bridge", "execute")
_section = click.argument("policy", type=click.Choice(_SECTIONS))
_who = click.argument("who", required=False, shell_complete=agents_and_threads, metavar="[DID|@ALIAS|THREAD]")
_thread = click.argument("thread", shell_complete=agents_and_threads, metavar="DID|@ALIAS|THREAD")
_rules = click.option(
    "--with",
    "rules",
    multiple=True,
    metavar="RULE",
    help="contact:MATCH=ACTION or task:MATCH=ACTION; repeatable.",
)


@click.group("trust")
@ping_options
@click.pass_context
def trust_group(context: click.Context, /, **said: Any) -> None:
    """Say who is trusted with what: the first rule that matches decides, else the default.

    A rule's MATCH is a DID, an @alias, either with * for any characters, or * for everybody.
    """
    gather_ping(context, said)


@trust_group.command("show")
@ping_options
@_who
@click.option("--from", "first", type=click.IntRange(1, 1000), default=1, help="Rules from this one on.")
@click.pass_context
def show_command(context: click.Context, /, *, who: str | None, first: int, **said: Any) -> Reply:
    """Show the policy in force; for a thread, how its other side is trusted and what is recommended."""
    from openclaw_install.messaging.actions.session_trust import trust_status
    from openclaw_install.messaging.actions.trust import show_policy
    from openclaw_install.surfaces.cli.render_trust import policy_lines, status_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import policy_document, status_document

    with gather_ping(context, said).app() as app:
        if who is not None:
            body = status_document(trust_status(app, who), app.reader)
            return _told("trust show", body, status_lines(body))
        body = policy_document(show_policy(app), app.reader, first)
    return _told("trust show", body, policy_lines(body))


@trust_group.command("explain")
@ping_options
@_who
@click.pass_context
def explain_command(context: click.Context, /, *, who: str | None, **said: Any) -> Reply:
    """Tell which rule decides about an agent, why, and what else would have matched."""
    from openclaw_install.messaging.actions.trust import explain
    from openclaw_install.surfaces.cli.render_trust import explanation_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import explanation_document

    with gather_ping(context, said).app() as app:
        body = explanation_document(explain(app, who), app.reader)
    return _told("trust explain", body, explanation_lines(body))


@trust_group.command("simulate")
@ping_options
@click.option("--did", metavar="DID", help="The supposed sender.")
@click.option("--alias", metavar="ALIAS", help="Its alias.")
@_rules
@click.pass_context
def simulate_command(
    context: click.Context, /, *, did: str | None, alias: str | None, rules: tuple[str, ...], **said: Any
) -> Reply:
    """Tell what the policy would say of a sender, also with rules that you suppose; nothing is written."""
    from openclaw_install.messaging.actions.trust import simulate
    from openclaw_install.messaging.trust.edits import read_rule
    from openclaw_install.surfaces.cli.render_trust import explanation_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import explanation_document

    with gather_ping(context, said).app() as app:
        found = simulate(app, did=did, alias=alias, edits=[read_rule(text) for text in rules])
        body = explanation_document(found, app.reader)
    return _told("trust simulate", body, explanation_lines(body))


@trust_group.command("set")
@ping_options
@_section
@click.argument("match", metavar="MATCH|default")
@click.argument("action", type=click.Choice(_ACTIONS))
@click.option(
    "--position", type=click.IntRange(1, 1000), help="The rule's place; the first that matches decides."
)
@click.option("--note", help="Kept with the rule.")
@click.pass_context
def set_command(
    context: click.Context,
    /,
    *,
    policy: str,
    match: str,
    action: str,
    position: int | None,
    note: str | None,
    **said: Any,
) -> Reply:
    """Make or change a rule, or with `default` what is done where no rule matches."""
    from openclaw_install.messaging.trust.edits import SetDefault, SetRule, read_action, read_section
    from openclaw_install.messaging.trust.match import read_match

    section = read_section(policy)
    chosen = read_action(section, action)
    if match == "default":
        return _change(context, said, "trust set", SetDefault(section, chosen))
    return _change(context, said, "trust set", SetRule(section, read_match(match), chosen, position, note))


@trust_group.command("remove")
@ping_options
@_section
@click.argument("match", metavar="MATCH")
@click.pass_context
def remove_command(context: click.Context, /, *, policy: str, match: str, **said: Any) -> Reply:
    """Remove a rule."""
    from openclaw_install.messaging.trust.edits import RemoveRule, read_section
    from openclaw_install.messaging.trust.match import read_match

    return _change(context, said, "trust remove", RemoveRule(read_section(policy), read_match(match)))


@trust_group.command("replay")
@ping_options
@click.option("--since", default="30d", show_default=True, metavar="SPAN", help="Such as 12h, 30d or 4w.")
@_rules
@click.option(
    "--without", multiple=True, metavar="RULE", help="A rule to leave out: contact:MATCH or task:MATCH."
)
@click.pass_context
def replay_command(
    context: click.Context, /, *, since: str, rules: tuple[str, ...], without: tuple[str, ...], **said: Any
) -> Reply:
    """Run a proposed policy over the recorded history, and show each decision that would change.

    Nothing is saved; `pingagent trust set` does that.
    """
    from openclaw_install.messaging.actions.trust import replay_history
    from openclaw_install.messaging.trust.edits import RemoveRule, read_rule, read_section
    from openclaw_install.messaging.trust.match import read_match
    from openclaw_install.messaging.trust.replay import read_span
    from openclaw_install.surfaces.cli.render_trust import replay_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import replay_document

    edits: list[Edit] = []
    for text in without:
        section, _, match = text.partition(":")
        edits.append(RemoveRule(read_section(section), read_match(match)))
    edits += [read_rule(text) for text in rules]
    with gather_ping(context, said).app() as app:
        body = replay_document(replay_history(app, edits, since_seconds=read_span(since)), app.reader)
    return _told("trust replay", body, replay_lines(body))


@trust_group.command("restore")
@ping_options
@click.option("--defaults", is_flag=True, help="Write the default policy instead.")
@click.pass_context
def restore_command(context: click.Context, /, *, defaults: bool, **said: Any) -> Reply:
    """Put the last good policy back in the place of a file that is broken or gone."""
    from openclaw_install.messaging.actions.trust import restore, show_policy
    from openclaw_install.surfaces.cli.render_trust import policy_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import policy_document

    options = gather_ping(context, said)
    with options.app() as app:
        what = "the default policy" if defaults else "the last good policy"
        line = f"would write {what} to {options.paths().trust_policy}"
        if options.dry_run:
            return Reply("trust restore", {"dry_run": True, "planned": [line]}, [line])
        if not confirm(f"Write {what} over {options.paths().trust_policy}?", options):
            return Reply("trust restore", None, ["nothing was changed"], 1)
        restore(app, defaults=defaults)
        body = policy_document(show_policy(app), app.reader)
    return _told("trust restore", body, policy_lines(body))


@trust_group.command("apply")
@ping_options
@_thread
@click.pass_context
def apply_command(context: click.Context, /, *, thread: str, **said: Any) -> Reply:
    """Do what is recommended for a thread (`pingagent trust show THREAD`)."""
    from openclaw_install.messaging.actions.session_trust import apply_recommendation

    return _recommended(context, said, "trust apply", lambda app: apply_recommendation(app, thread))


@trust_group.command("dismiss")
@ping_options
@_thread
@click.option("--reason", default="", help="Kept with the decision.")
@click.pass_context
def dismiss_command(context: click.Context, /, *, thread: str, reason: str, **said: Any) -> Reply:
    """Close what is recommended for a thread; it comes back only with twice the evidence."""
    from openclaw_install.messaging.actions.session_trust import dismiss_recommendation

    return _recommended(
        context, said, "trust dismiss", lambda app: dismiss_recommendation(app, thread, reason=reason)
    )


@trust_group.command("reopen")
@ping_options
@_thread
@click.pass_context
def reopen_command(context: click.Context, /, *, thread: str, **said: Any) -> Reply:
    """Open the last dismissed or superseded recommendation of a thread again."""
    from openclaw_install.messaging.actions.session_trust import reopen_recommendation

    return _recommended(context, said, "trust reopen", lambda app: reopen_recommendation(app, thread))


def _change(context: click.Context, said: dict[str, Any], command: str, edit: Edit) -> Reply:
    from openclaw_install.messaging.actions.trust import change_policy
    from openclaw_install.surfaces.cli.render_trust import change_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import change_document

    options = gather_ping(context, said)
    with options.app() as app:
        body = change_document(change_policy(app, edit, save=not options.dry_run))
    return _told(command, body, change_lines(body))


def _recommended(
    context: click.Context, said: dict[str, Any], command: str, act: Callable[[App], RecommendationChange]
) -> Reply:
    from openclaw_install.surfaces.cli.render_trust import recommendation_lines
    from openclaw_install.surfaces.mcp.pingagent.trust_documents import recommendation_change_document

    options = gather_ping(context, said)
    if options.dry_run:
        line = f"would {command.removeprefix('trust ')} what is recommended"
        return Reply(command, {"dry_run": True, "planned": [line]}, [line])
    with options.app() as app:
        body = recommendation_change_document(act(app))
    return Reply(command, body, recommendation_lines(body))


def _told(command: str, body: Mapping[str, Any], lines: list[str]) -> Reply:
    # A policy file that cannot be used is a blocker, whatever was asked.
    return Reply(command, body, lines, 1 if body["problem"] else 0)
