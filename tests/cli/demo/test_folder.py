"""The demo touches its own folder and nobody else's."""

import pytest

from shelfwise.cli.demo.errors import FolderError
from shelfwise.cli.demo.folder import demo_folder


def test_a_new_folder_becomes_the_demos(tmp_path):
    with demo_folder(tmp_path / "a" / "b", reset=False) as folder:
        assert not folder.is_loaded
        folder.set_loaded()
        assert folder.is_loaded
    with demo_folder(tmp_path / "a" / "b", reset=False) as folder:
        assert folder.is_loaded


@pytest.mark.parametrize("reset", [True, False])
def test_a_folder_with_other_things_is_refused_and_untouched(tmp_path, reset):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderError, match="not a demo's folder"), demo_folder(tmp_path, reset=reset):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("thesis.txt", "years of work")]


def test_a_file_is_refused_and_untouched(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(FolderError, match="is not a folder"), demo_folder(tmp_path / "file", reset=True):
        pass
    assert (tmp_path / "file").read_text() == "kept"


def test_an_empty_folder_may_be_the_demos(tmp_path):
    with demo_folder(tmp_path, reset=False) as folder:
        assert folder.path == tmp_path.resolve()


def half_loaded(path):
    with demo_folder(path, reset=False) as folder:
        (folder.path / "sales.db").write_text("half")
        folder.log("sales").parent.mkdir()
        folder.log("sales").write_text("a log")


def test_what_was_loaded_only_in_part_is_thrown_away(tmp_path):
    half_loaded(tmp_path)
    with demo_folder(tmp_path, reset=False):
        assert [path.name for path in tmp_path.iterdir()] == ["this-is-a-shelfwise-demo"]


def test_what_was_loaded_stays_until_it_is_reset(tmp_path):
    half_loaded(tmp_path)
    (tmp_path / "demo-loaded").touch()
    with demo_folder(tmp_path, reset=False):
        assert (tmp_path / "sales.db").read_text() == "half"
    with demo_folder(tmp_path, reset=True) as folder:
        assert not folder.is_loaded
        assert not (tmp_path / "sales.db").exists()


@pytest.mark.parametrize("reset", [True, False])
def test_two_demos_cannot_have_one_folder(tmp_path, reset):
    with demo_folder(tmp_path, reset=False):
        (tmp_path / "sales.db").touch()
        with pytest.raises(FolderError, match="A demo is running"), demo_folder(tmp_path, reset=reset):
            pass
        assert (tmp_path / "sales.db").exists()
    with demo_folder(tmp_path, reset=reset):
        pass


def test_what_a_link_points_to_is_never_emptied(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "thesis.txt").touch()
    with demo_folder(tmp_path / "demo", reset=False) as folder:
        (folder.path / "link").symlink_to(tmp_path / "elsewhere")
    with demo_folder(tmp_path / "demo", reset=True):
        assert (tmp_path / "elsewhere" / "thesis.txt").exists()
        assert not (tmp_path / "demo" / "link").exists()
