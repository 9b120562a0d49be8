"""What messages say is in files that people proofread."""

import pytest

from deploy import previews
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.samples import SAMPLES
from shared.messages import LANGUAGES, Language
from shared.personal import personal


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_previews_are_what_messages_say(language: Language) -> None:
    for path, said in previews.files(language).items():
        assert (path.read_text(encoding="utf-8") == said) is True, "run `make schemas` and look at what changed"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_shows_every_sample_and_nobody(language: Language) -> None:
    page = previews.page(language)
    assert [kind for kind in KINDS if f"### `{kind}` " not in page] == []
    assert page.count("\n### ") == len(SAMPLES)
    assert [line for line in page.splitlines() if personal(line)] == []
