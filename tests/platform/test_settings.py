"""Settings refuse what would be unsafe, and say what to do."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from shelfwise.platform.settings import PlatformSettings, SettingsError, generated_secret, shared_secret


def test_production_refuses_to_start_without_a_way_to_verify_tokens(tmp_path):
    settings = PlatformSettings(ENVIRONMENT="production", DATA_DIR=tmp_path)
    with pytest.raises(SettingsError, match="AUTH_SECRET"):
        shared_secret(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("secret", ["short", "a" * 64])
def test_a_weak_secret_is_refused(environment, secret):
    with pytest.raises(SettingsError, match="weak"):
        shared_secret(PlatformSettings(ENVIRONMENT=environment, AUTH_SECRET=secret))


def test_production_takes_a_key_set_instead_of_a_secret():
    settings = PlatformSettings(ENVIRONMENT="production", AUTH_JWKS_URL="https://idp.example/keys")
    assert shared_secret(settings) is None


def test_development_makes_one_secret_that_only_its_owner_can_read(tmp_path):
    settings = PlatformSettings(DATA_DIR=tmp_path / "new")
    first = shared_secret(settings)
    assert first == shared_secret(settings)
    path = tmp_path / "new" / "auth-secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["auth-secret"]


def test_processes_that_race_for_the_first_secret_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(generated_secret, [tmp_path] * 16))) == 1


def test_a_secret_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(SettingsError, match="nowhere"):
        shared_secret(PlatformSettings(AUTH_SECRET_FILE=tmp_path / "nowhere"))


def test_settings_cannot_be_changed_and_never_show_the_secret():
    settings = PlatformSettings(AUTH_SECRET="0123456789abcdef0123456789abcdef")
    assert "0123456789abcdef" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.HOST = "0.0.0.0"
