"""What is written together, in the engine's way for many rows, is what would have been written row by row."""

import asyncio
from dataclasses import replace

import pytest

from tests.ports.samples import SPEC, START, STATS, new_export, new_file

HOSTILE = {
    "tab": "a\tb",
    "lines": "a\nb\r\nc\rd",
    "backslash": "\\N \\. \\t \\\\ \\x41 \\",
    "nothing": "",
    "end of the data": "\\.\n\\.",
    "quotes": "'\"''`$$,;",
    "braces": '{"a": ["\\u2028", null]}',
    "beyond": "\u2028\ufeff\U0001f600\x01\x7f\x85",
    "null": "NULL",
}
"""Texts that mean something in one of the ways in which rows are sent to a database."""


async def test_hostile_texts_come_back_as_they_were(store):
    labels = [{name: text, text: name} for name, text in HOSTILE.items()]
    made = [
        new_export(uri=uri, labels=each, encrypted=True) for uri, each in zip(HOSTILE.values(), labels, strict=True)
    ]
    created = await asyncio.gather(*(store.exports.create(each, SPEC, None, b"\0\t\\N\n") for each in made))
    assert created == made
    assert [await store.exports.get("acme", each.id) for each in made] == made


async def test_their_histories_and_notifications_are_those_of_each(store):
    targets = [f"https://x.test/{text}" for text in HOSTILE.values()]
    made = await asyncio.gather(*(store.exports.create(new_export(callback_url=t), SPEC, None) for t in targets))
    jobs = await store.leases.claim("wor\tker", "poll", len(made), START)
    files = {job.ref: replace(new_file(job.export.id), filename=job.export.callback_url) for job in jobs}
    await asyncio.gather(*(store.leases.complete(ref, file, STATS, START) for ref, file in files.items()))
    for export in made:
        history = await store.exports.transitions("acme", export.id)
        assert [(each.event, each.worker_id) for each in history] == [
            ("CREATE", ""),
            ("LEASE", "wor\tker"),
            ("COMPLETE", "wor\tker"),
        ]
        (told,) = await store.outbox.deliveries("acme", export.id)
        assert told.target == export.callback_url
        done = await store.exports.get("acme", export.id)
        assert done.file.filename == export.callback_url


@pytest.mark.parametrize("at", [0, 1, 4])
async def test_one_that_cannot_be_written_takes_nobody_along(store, at):
    made = [new_export() for _ in range(5)]
    made[at] = replace(made[at], priority=10)  # the database refuses it
    outcomes = await asyncio.gather(*(store.exports.create(e, SPEC, None) for e in made), return_exceptions=True)
    refused = [isinstance(outcome, Exception) for outcome in outcomes]
    assert refused == [number == at for number in range(5)]
    assert [await store.exports.get("acme", e.id) == e for e in made] == [not each for each in refused]
    for export in made[:at] + made[at + 1 :]:
        assert len(await store.exports.transitions("acme", export.id)) == 1
