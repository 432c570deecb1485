import base64

import pytest

from services.api.domain.callbacks import CallbackDefaults, CallbackFormat
from services.api.domain.fairness import Share
from services.api.domain.quotas import Quotas
from services.api.tenants import LiveTenants, load
from services.runtime.toml import FileError

SECRET, *OTHERS = ("whsec_" + base64.b64encode(byte * 24).decode() for byte in (b"x", b"y", b"z"))


def write(folder, text):
    path = folder / "tenants.toml"
    path.write_text(text)
    return path


def test_without_a_file_everybody_is_alike():
    tenants = load(None)
    assert tenants.fairness.share("anybody") == Share(1.0, 0)
    assert not tenants.callback_secrets


def test_a_tenant_has_what_it_says_and_else_what_is_default(tmp_path):
    tenants = load(
        write(
            tmp_path,
            f"""
            [default]
            max_running = 4
            [tenants.acme]
            weight = 2.5
            callback_secrets = ["{SECRET}"]
            """,
        )
    )
    assert tenants.fairness.share("acme") == Share(2.5, 4)
    assert tenants.fairness.share("other") == Share(1.0, 4)
    assert tenants.callback_secrets == {"acme": (b"x" * 24,)}
    assert SECRET not in repr(tenants)


def test_every_mistake_is_named_at_once_and_no_secret_is(tmp_path):
    mistaken = f"""
        defaults = 1
        [default]
        callback_secrets = []
        [tenants.acme]
        weight = 0
        max_running = -1
        colour = "red"
        callback_secrets = ["{SECRET}", "{OTHERS[0]}", "{OTHERS[1]}"]
        [tenants.zeta]
        callback_secrets = ["whsec_topsecret", "whsec_topsecrét"]
        """
    with pytest.raises(FileError) as caught:
        load(write(tmp_path, mistaken))
    told = str(caught.value)
    assert [str(m).partition(":")[0] for m in caught.value.mistakes] == [
        "defaults", "[default] callback_secrets", "[tenants.acme] colour", "[tenants.acme] weight",
        "[tenants.acme] max_running", "[tenants.acme] callback_secrets", "[tenants.zeta] callback_secrets",
    ]  # fmt: skip
    assert "topsecret" not in told
    assert SECRET not in told


@pytest.mark.parametrize("text", ["[tenants", "tenants = 1", "[tenants]\nacme = 2"])
def test_what_is_no_such_file_is_refused(tmp_path, text):
    with pytest.raises(FileError):
        load(write(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        load(tmp_path / "nowhere.toml")


def test_quotas_are_those_of_the_tenant_else_the_default_ones(tmp_path):
    tenants = load(
        write(
            tmp_path,
            """
            [default]
            max_waiting = 10
            previews_a_minute = 5
            mail_domains = ["Default.example"]
            [tenants.acme]
            max_waiting = 0
            max_kept_bytes = 5_000_000_000
            creates_a_minute = 60
            notifications_a_day = 7
            max_links = 8
            mail_domains = []
            callback_domains = "acme.example"
            """,
        )
    )
    assert tenants.default_quotas == Quotas(waiting=10, previews_a_minute=5, mail_domains=("default.example",))
    assert tenants.quotas["acme"] == Quotas(
        kept_bytes=5_000_000_000,
        creates_a_minute=60,
        previews_a_minute=5,
        notifications_a_day=7,
        links=8,
        callback_domains=("acme.example",),
    )


@pytest.mark.parametrize(
    "line", ["max_waiting = -1", "creates_a_minute = 1.5", 'mail_domains = ["a b"]', 'callback_domains = ["*"]']
)
def test_a_quota_that_is_none_is_named(tmp_path, line):
    with pytest.raises(FileError, match=line.partition(" ")[0]):
        load(write(tmp_path, f"[default]\n{line}\n"))


def test_the_format_and_the_url_of_callbacks_are_those_of_a_tenant_or_the_default(tmp_path):
    file = """
        [default]
        callback_format = "syntage"
        callback_url = "https://hooks.example/all"
        [tenants.acme]
        callback_url = "https://hooks.acme.example/exports"
        [tenants.bolt]
        callback_format = "xdent"
        callback_url = ""
        """
    callbacks = load(write(tmp_path, file)).callbacks
    assert callbacks["acme"] == CallbackDefaults(CallbackFormat.SYNTAGE, "https://hooks.acme.example/exports")
    assert callbacks["bolt"] == CallbackDefaults(CallbackFormat.XDENT)
    live = LiveTenants(write(tmp_path, file))
    assert live.callbacks("other") == CallbackDefaults(CallbackFormat.SYNTAGE, "https://hooks.example/all")
    assert LiveTenants(None).callbacks("acme") == CallbackDefaults(CallbackFormat.XDENT)


@pytest.mark.parametrize("key", ["callback_format", "callback_url"])
@pytest.mark.parametrize(
    "value",
    [
        '"Syntage"',
        '"syntage\\u0000"',
        '" "',
        "1",
        '["syntage"]',
        '"file:///etc/passwd"',
        '"https://a.example/\\r\\nX: y"',
    ],
)
def test_hostile_values_of_callbacks_are_refused_by_their_names(tmp_path, key, value):
    for table in ("default", "tenants.acme"):
        with pytest.raises(FileError) as caught:
            load(write(tmp_path, f"[{table}]\n{key} = {value}\n"))
        assert str(caught.value.mistakes[0]).startswith(f"[{table}] {key}:")
