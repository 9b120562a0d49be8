"""What messages say: in both languages, of every kind, and of nobody else."""

import datetime as dt
import string
from dataclasses import dataclass, replace
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from services.notifications.domain import params, samples
from services.notifications.domain.kinds import KINDS, Kind
from services.notifications.domain.rules import Step, shipped
from services.notifications.domain.samples import SAMPLES, Sample
from services.notifications.domain.telling import Telling
from services.notifications.views.wording import SHOWN_DAYS, Worded, worded
from shared.messages import Language, catalogue, text
from shared.personal import personal

WIB = dt.timezone(dt.timedelta(hours=7))
LANGUAGES = get_args(Language)
RULES = shipped().kinds
NOTHING_TO_DO = {
    "report.accepted",
    "request.decided",
    "duty.unknown",
    "duty.corrected",
    "counter.met",
    "budget.recovered",
    "digest.council",
}
"""Kinds that may ask for nothing."""
BY = {
    "counter.soon": "07.30 WIB",
    "counter.short": "08.10 WIB",
    "counter.call": "07.30 WIB",
    "report.missing": "21.00 WIB",
    "reviews.waiting": "Jumat, 7 November 2025 07.10 WIB",
}
"""Kinds whose time to act is a moment, as their samples have it."""


def said(sample: Sample, language: Language = "id") -> Worded:
    return worded(sample, language, RULES[sample.kind], subscribed=sample.read_by == "subscription")


def sample(kind: Kind, name: str = "one") -> Sample:
    (found,) = (one for one in samples.of(kind) if one.name == name)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: f"{one.kind}-{one.name}")
def test_every_message_says_what_happened_why_it_came_and_what_to_do(one: Sample, language: Language) -> None:
    words = said(one, language)
    assert words.title.strip() == words.title != ""
    assert not words.title.endswith(".")
    for sentence in (words.text, words.why):
        assert sentence.endswith(".")
        assert sentence.strip() == sentence
        assert "None" not in sentence
        assert not any(name for _, name, _, _ in string.Formatter().parse(sentence))
    nothing = text("notification.nothing_to_do", language)
    if nothing in words.text:
        assert one.kind in NOTHING_TO_DO
    assert words.link is not None
    assert words.link.startswith("/reporting/")
    assert words.link.endswith("?lang=en") == (language == "en")


@pytest.mark.parametrize("kind", BY)
def test_a_message_with_a_time_to_act_names_it(kind: Kind) -> None:
    assert BY[kind] in said(sample(kind)).text


@pytest.mark.parametrize("kind", sorted(set(KINDS) - NOTHING_TO_DO))
def test_every_kind_that_asks_for_something_has_words_for_it(kind: Kind) -> None:
    codes = [code for code in catalogue() if code.startswith(f"notification.{kind}.") and code.endswith(".do")]
    assert codes


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_tells_who_somebody_is(language: Language) -> None:
    """Nor does a name fit in: parameters that are not named are refused, and ids of others are in no text."""
    other = uuid4()
    for one in SAMPLES:
        given = replace(one, params={**one.params, "substitutes": [str(other)]})
        if one.kind in ("counter.short", "counter.soon"):
            params.check(one.kind, given.params)
        else:
            with pytest.raises(ValueError, match="substitutes"):
                params.check(one.kind, given.params)
        words = said(given, language)
        spoken = f"{words.title} {words.text} {words.why} {words.link}"
        assert personal(spoken) is None
        assert str(other) not in spoken
        assert str(other) not in str(params.outward(given.params))
    for name in ("name", "nip", "employee_id", "reason_of_leave", "leave"):
        with pytest.raises(ValueError, match=rf"\b{name}: "):
            params.check("request.decided", {**sample("request.decided", "granted").params, name: "x"})


def test_a_message_without_a_parameter_is_refused_by_its_name_when_it_is_made() -> None:
    for one in SAMPLES:
        for name in one.params:
            left = {key: value for key, value in one.params.items() if key != name}
            if params.read(one.kind, left) is not None:
                continue  # one that may be left out
            with pytest.raises(ValueError, match=rf"{one.kind}.*\b{name}: ") as refused:
                Telling(one.kind, uuid4(), left)
            assert "input" not in str(refused.value)
    two = sample("schedule.wfh").params["days"] * 2
    with pytest.raises(ValueError, match=r"days\.1\.mode: "):
        Telling("schedule.wfh", uuid4(), {"days": [two[0], {**two[1], "mode": "HOLIDAY"}]})


def test_the_parameters_of_every_kind_can_be_left_out_only_where_they_are_optional() -> None:
    refused = {
        f"{one.kind}.{name}"
        for one in SAMPLES
        for name in one.params
        if params.read(one.kind, {key: value for key, value in one.params.items() if key != name}) is None
    }
    assert {"report.missing.cutoff", "counter.short.required", "request.decided.state"} <= refused


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_of_before_is_still_shown(language: Language) -> None:
    old = Sample("counter.short", "old", {"lacking": 2}, "U1")
    words = said(old, language)
    assert words.title == text("notification.kind.counter.short", language)
    assert words.text.startswith(text("notification.of_before", language))
    assert words.link is None


def test_a_message_of_a_later_version_is_shown_by_what_is_known_of_it() -> None:
    newer = sample("schedule.wfh")
    (day,) = newer.params["days"]
    more = replace(newer, params={"days": [{**day, "colour": "red"}], "more": 1})
    assert said(more).text == said(newer).text


def test_a_first_plan_is_read_as_day_mode_and_hours() -> None:
    words = said(sample("schedule.new"))
    assert words.title == "Jadwal Anda: Kamis, 6 November 2025"
    assert "bekerja di kantor (WFO), 07.30–15.30 WIB" in words.text
    assert "leave, no working hours" in said(sample("schedule.new", "off"), "en").text


def test_dates_and_times_are_written_as_people_write_them() -> None:
    changed = sample("schedule.changed")
    assert "Jumat, 7 November 2025" in said(changed).text
    assert "07.30–15.30 WIB" in said(changed).text
    assert "Friday, 7 November 2025" in said(changed, "en").text
    assert "07:30–15:30 WIB" in said(changed, "en").text


def test_several_days_are_one_message_in_their_order_and_a_long_list_is_cut() -> None:
    words = said(sample("schedule.changed", "several"))
    assert words.title == "Jadwal berubah: 2 hari"
    assert words.text.index("7 November") < words.text.index("10 November")
    assert words.link == "/reporting/app/days/"
    many = said(sample("schedule.wfh", "several"))
    assert many.text.count(" 2025") + many.text.count(" 2026") == SHOWN_DAYS
    assert "dan 2 hari lain" in many.text


def test_a_mode_that_stays_is_not_said_to_have_changed() -> None:
    words = said(sample("schedule.changed", "hours"))
    assert "dari bekerja" not in words.text
    assert "09.30–17.30 WIB" in words.text


def test_who_may_leave_it_to_others_is_told_by_when_and_who_comes_next() -> None:
    words = said(sample("counter.short"))
    assert words.acknowledge
    assert words.text.endswith(
        "Tekan “Saya tangani” paling lambat 08.10 WIB; sesudah itu pesan ini diteruskan kepada pimpinan OPD."
    )
    silent = RULES["counter.short"].model_copy(update={"escalate": ()})
    assert not worded(sample("counter.short"), "id", silent).acknowledge
    later = RULES["counter.short"].model_copy(update={"escalate": (Step(after_minutes=45, to=("city",)),)})
    assert "paling lambat 08.45 WIB" in worded(sample("counter.short"), "id", later).text


def test_a_subscription_is_told_that_it_subscribes_and_is_asked_for_no_answer() -> None:
    words = said(sample("counter.short", "subscription"))
    assert not words.acknowledge
    assert "Saya tangani" not in words.text
    assert "berlangganan" in words.why


def test_a_place_in_a_free_text_is_left_alone() -> None:
    outage = sample("outage.declared")
    given = replace(outage, params={**outage.params, "reason": "{listrik}"})
    assert "{listrik}" in said(given).text


def test_a_share_of_nothing_is_not_said() -> None:
    assert "tidak ada yang dapat dinilai" in said(sample("digest.head", "nothing")).text
    week = said(sample("digest.head")).text
    assert "tepat waktu 95,8 % (412 dari 430; pekan sebelumnya 93,0 %)" in week
    assert "on time 95.8% (412 of 430; the week before 93.0%)" in said(sample("digest.head"), "en").text


@dataclass
class _Unit:
    code: str
    path: str


@pytest.mark.parametrize("unit", [_Unit("KEL A/1", "KEL%20A%2F1"), _Unit("é?", "%C3%A9%3F")])
def test_a_units_code_is_written_into_the_link_as_an_address(unit: _Unit) -> None:
    met = replace(sample("counter.met"), subject=unit.code)
    assert said(met).link == f"/reporting/board/units/{unit.path}"


def test_an_alert_leads_to_who_could_help_and_a_subscriber_to_the_counter() -> None:
    for kind in ("counter.soon", "counter.short"):
        one = sample(kind)
        assert said(one).link == f"/reporting/desk/alerts/{one.notification_id}"
        outside = worded(one, "id", shipped().kinds[kind], subscribed=True)
        assert outside.link == "/reporting/board/units/KEL-MARGAHAYU"


def test_ids_of_samples_are_their_own() -> None:
    ids: list[UUID] = [one.notification_id for one in SAMPLES]
    assert len(set(ids)) == len(ids)


def test_every_kind_says_why() -> None:
    missing: list[Any] = [kind for kind in KINDS if f"notification.{kind}.why" not in catalogue()]
    assert missing == []
