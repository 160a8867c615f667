import pytest

from lapinq_core.runtime.settings import SettingsError, load_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_several_secrets_and_what_is_let_through_are_separated_by_commas() -> None:
    settings = load_settings(
        {
            "LAPINQ_WEBHOOK_SECRET": f"{SECRET}, {SECRET}",
            "LAPINQ_WEBHOOK_ALLOW": "hooks.internal, *.lan,10.1.0.0/16 ,::1",
        }
    )
    assert settings.webhook_secret == (SECRET, SECRET)
    assert settings.webhook_allow == ("hooks.internal", "*.lan", "10.1.0.0/16", "::1")


def test_a_bad_secret_is_refused_by_its_place_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"^LAPINQ_WEBHOOK_SECRET: entry 2 must be whsec_") as refused:
        load_settings({"LAPINQ_WEBHOOK_SECRET": f"{SECRET},whsec_hunter2"})
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value.__cause__)


@pytest.mark.parametrize("entry", ["http://hooks.internal", "10.0.0.1/8", "hooks.internal:80", "300.1.1.1"])
def test_an_entry_that_lets_nothing_through_is_refused_by_name(entry: str) -> None:
    for name in ("LAPINQ_WEBHOOK_ALLOW", "LAPINQ_WEBHOOK_ALLOW_PUBLIC"):
        with pytest.raises(
            SettingsError, match=rf"^{name}: entry 1 .* is not a host name, address or network"
        ):
            load_settings({name: entry})
