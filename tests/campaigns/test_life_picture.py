"""The picture of a campaign's life: made from the table, and the one in docs is not stale."""

from xml.etree import ElementTree as ET

from campaigns import life_picture
from campaigns.commands import PICTURE_FILE
from campaigns.states import MOVES, CampaignEvent, CampaignState


def test_the_picture_in_docs_is_drawn_from_the_table_as_it_is() -> None:
    assert PICTURE_FILE.read_text() == life_picture.draw(), "run: flask campaigns picture"


def test_every_state_and_every_move_is_in_it() -> None:
    root = ET.fromstring(life_picture.draw())
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert set(life_picture.PLACES) == set(life_picture.NAMES) == set(CampaignState)
    assert len(set(life_picture.PLACES.values())) == len(CampaignState), "no two in one place"
    for state in CampaignState:
        assert texts.count(state.value) == 1
        assert life_picture.NAMES[state] in texts
    moves = [event for following in MOVES.values() for event in following if event != CampaignEvent.CANCEL]
    for event in set(moves):
        assert texts.count(event.value) == moves.count(event)
    assert texts.count("✕") == sum(CampaignEvent.CANCEL in following for following in MOVES.values())


def test_it_is_written_where_it_is_asked_for(app, tmp_path) -> None:
    path = tmp_path / "states.svg"
    result = app.test_cli_runner().invoke(args=["campaigns", "picture", "--to", str(path)])
    assert result.exit_code == 0
    assert path.read_text() == life_picture.draw()
