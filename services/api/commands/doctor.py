"""The command that checks an installation and says what to mend."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from services.api.doctor.artifacts import artifacts
from services.api.doctor.certificates import certificates
from services.api.doctor.database import database
from services.api.doctor.files import catalog, data_directory, server_key
from services.api.doctor.finding import Finding, Verdict, fault, ok
from services.api.doctor.provider import provider
from services.api.settings import ApiSettings
from services.api.world import World
from services.runtime.settings import SettingsError

SOUND, FAULTY = 0, 1
_SIGNS = {Verdict.OK: "ok", Verdict.WARNING: "WARNING", Verdict.FAULT: "FAULT"}


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Print a finding for each check: 0 if there is no fault, otherwise 1. Nothing is created or changed."""
    as_json = _parser().parse_args(arguments).output == "json"
    findings = list(_findings(environ, World()))
    out.write(_json(findings) if as_json else _text(findings))
    return FAULTY if any(each.verdict is Verdict.FAULT for each in findings) else SOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-api doctor",
        description="Check settings, catalog, key, database, artifact store, certificates, clock and identity "
        "provider, and say what to mend. Nothing is created or changed, and the api may run. For workers: "
        "exportd-worker check.",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    return parser


def _findings(environ: Mapping[str, str], world: World) -> Iterator[Finding]:
    try:
        settings = ApiSettings.from_env(environ)
    except SettingsError as problems:
        for line in str(problems).splitlines():
            yield fault("settings", line, "exportd-api --help lists all settings")
        return
    yield ok("settings", f"callers at {settings.listen}, workers at {settings.queue_listen}")
    yield from catalog(settings)
    yield from server_key(settings, world.wall())
    yield from data_directory(settings)
    yield from database(settings, world)
    yield from artifacts(settings)
    yield from certificates(settings, world.wall())
    yield from provider(settings)


def _text(findings: Sequence[Finding]) -> str:
    width = max(len(each.subject) for each in findings)
    lines = []
    for each in findings:
        lines.append(f"{_SIGNS[each.verdict]:7}  {each.subject:{width}}  {each.found}")
        if each.action:
            lines.append(f"{'':7}  {'':{width}}  -> {each.action}")
    return "".join(f"{line}\n" for line in lines)


def _json(findings: Sequence[Finding]) -> str:
    shown = [{"subject": f.subject, "verdict": f.verdict.value, "found": f.found, "action": f.action} for f in findings]
    return json.dumps(shown, indent=2) + "\n"
