"""Lines that readers see: whole sentences of the story, not of what stands beside it."""

from __future__ import annotations

import pytest

from recommender.articles.article import Article, to_table
from recommender.articles.text import teaser
from recommender.reading.read import read_articles

STORY = "The ferry to Gull Point ran aground in thick fog. Nobody was hurt."
LINE = "The ferry to Gull Point ran aground in thick fog."


@pytest.mark.parametrize(
    "sentence",
    [
        "The long contest of the harbour ended in victory against Sen. Ada Reed.",
        "The council of the harbour town gathers again on Wednesday, Oct. 16.",
        "The bells of the old harbour town could be heard as far as St. Mary.",
        "In the harbour town on the long grey coast the winner was Mr. Reed, Jr. of Oslo.",
        "The books of the long winter in the harbour were all by J. K. Rowling.",
        "The long and winding talks in the harbour led to a treaty of the U.S. and Peru.",
        "Der Rat der kleinen Hafenstadt an der Küste entschied für Dr. Anna Weber.",
        "In der kleinen Hafenstadt an der Küste gilt das für alles, z. B. Boote.",
        "Die kleine Hafenstadt an der Küste feiert ihr großes Jubiläum am 3. Oktober.",
        "Le conseil de la petite ville du port a nommé hier soir la juge Mme. Duval.",
        "El consejo de la ciudad del puerto eligió anoche por unanimidad a la Sra. Ruiz.",
        "The man who ran along the harbour of London, Ont. was seen by Const. Ada Reed.",
        "The projections said that Sen. Ada Reed (I–Vt.) has won the caucus by a margin.",
        "De raad van het kleine havenstadje koos gisteravond voor mevr. De Vries.",
    ],
)
def test_an_abbreviation_ends_no_sentence(sentence: str) -> None:
    assert teaser("", f"{sentence} Then it rained for a week.") == sentence


def test_words_that_look_like_abbreviations_end_one() -> None:
    body = "For a week nobody in the harbour town had seen the Sun. Then it rained. "
    assert teaser("", body * 3) == "For a week nobody in the harbour town had seen the Sun."
    body = "Asked for more time by the harbour, the mayor only said No. Then it rained. "
    assert teaser("", body * 3) == "Asked for more time by the harbour, the mayor only said No."


@pytest.mark.parametrize(
    "beside",
    [
        "Click to email this to a friend (Opens in new window)\n\nClick to share on Facebook (Opens in new window)",
        "Get breaking news alerts and special reports. The stories that matter, every weekday.",
        "1 of 5 FILE - In this May 3, 2025, file photo, Ada Reed waves to voters. (AP Photo/Jo Lee, File)",
        "In this Oct. 4, 2024, file photo, Ada Reed arrives at the Capitol for questions.",
        "FILE PHOTO: Ada Reed departs after a hearing, June 20, 2024. REUTERS/Jo Lee/File Photo",
        "This photo taken from video provided by the harbour shows the ferry.",
        "Photo illustration by the Courier. Covers via Weekly.",
        "JO LEE / AFP) (Photo by JO LEE/AFP via Getty Images Ada Reed talks about the ferry on Friday.",
        "Ada Reed speaks at the harbour, May 18, 2024. (Jo Lee/Reuters)",
        "Updated at 5:34 p.m. ET",
        "Last updated: March 3, 2026 at 10:15 p.m.",
        "Ferry Runs Aground In Fog\n\nEnlarge this image toggle caption Jo Lee/AP Jo Lee/AP Inc. Jo Lee/AP",
    ],
)
def test_captions_credits_and_calls_are_no_line(beside: str) -> None:
    assert teaser("", f"{beside}\n\n{STORY}") == LINE
    assert teaser("", f"{beside}\n\n{beside}\n\n{STORY}") == LINE


@pytest.mark.parametrize(
    "title", ["Here is what the long vote on the harbour is about. And why?", "Ferry Runs Aground"]
)
@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\nEnlarge this image toggle caption Jo Lee/AP Jo Lee/AP\n\n"])
def test_a_title_that_the_body_repeats_is_no_line(title: str, between: str) -> None:
    rows = [{"id": str(row), "title": title, "body": f"{title}{between}{STORY * (1 + row)}"} for row in range(40)]
    assert set(read_articles(rows)[0]["line"].to_pylist()) == {LINE}
    assert Article(**rows[0]).row()["line"] == to_table([Article(**rows[0])])["line"][0].as_py() == LINE
    assert title.startswith(teaser("", f"{title}\n", title=title))


@pytest.mark.parametrize("label", ["Read Story Transcript", "Transcript", "Show Full Transcript"])
def test_the_button_of_a_page_is_no_line(label: str) -> None:
    table, _ = read_articles([{"id": row, "title": "Fog", "body": f"{label} {STORY * 9}"} for row in range(40)])
    assert {*table["line"].to_pylist(), teaser("", f"{label} {STORY}")} == {LINE}
    sentence = "Transcript of a call between the harbour and the ferry is out."
    assert teaser("", f"{sentence} {STORY}") == sentence


def test_a_caption_without_a_story_is_better_than_nothing() -> None:
    body = "FILE - In this May 3, 2025, file photo, Ada Reed waves to the voters."
    assert teaser("", body) == body


def test_a_story_about_photos_keeps_its_first_sentence() -> None:
    body = "A photo taken by a drone won the prize of the harbour town. It shows a ferry (left) in fog."
    text = "In this town of the coast nobody has seen a ferry for weeks. The fog is thick."
    assert teaser("", f"{text}\n\n{body}").startswith("In this town of the coast")
    assert teaser("", f"Photos of the ferry moved the town of the long coast. It sank.\n\n{body}").startswith(
        "Photos of"
    )


@pytest.mark.parametrize(
    "call",
    [
        "Sign up to get our new weekly column as a newsletter.",
        "Sign up for Next Harbour, a weekly email on where the port stands now and where it goes next.",
        "Tide Tables is a daily letter on the harbour. Sign up here.",
        "Want the best of the Courier straight to your inbox? Sign up here.",
        "A version of this story first appeared in the Courier's evening letter. Sign up for free right here.",
        "Share All sharing options for: The ferry ran aground. Who pays?",
        "Abonnieren Sie unseren Newsletter aus dem Hafen.",
        "Inscrivez-vous à notre lettre du soir, chaque jour.",
        "Subscribe now!",
    ],
)
def test_a_call_to_subscribe_is_no_line(call: str) -> None:
    assert teaser("", f"{call}\n\n{STORY}") == LINE


@pytest.mark.parametrize(
    "sentence",
    ["Sign-ups for the harbour race opened on Monday.", "Subscribers of the harbour line pay more from Monday on."],
)
def test_a_sentence_about_subscribers_is_a_line(sentence: str) -> None:
    assert teaser("", f"{sentence}\n\n{STORY}") == sentence


@pytest.mark.parametrize(
    "lines",
    [
        "Related: Storm hits the coast\nRead more: Fares rise again",
        "(Image credit: Jo Lee)",
        "Getty Images",
        "0:00 / 2:31\nListen to this article\n5 min read",
        "Image caption The ferry in the harbour",
        "https://courier.example/ferry.jpg",
        "• Storm hits the coast\n• Fares rise again",
        "- Storm hits the coast",
        "Foto: Jo Lee",
        "Share\nFacebook\nWhatsApp",
    ],
)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_labels_and_links_in_lines_before_a_text_are_no_line(lines: str, between: str) -> None:
    sentence = "The harbour master said that the ferry ran aground on Tuesday."
    assert teaser("", f"{lines}{between}{sentence} Nobody died.") == sentence


def test_the_end_of_a_caption_that_names_who_took_the_picture_tells_it() -> None:
    caption = "The ferry in the harbour of Port Ellery in 2019. Jo Lee for The Courier"
    sentence = "The harbour master said that the ferry ran aground on Tuesday."
    assert teaser("", f"{caption}\n\n{sentence}") == sentence


@pytest.mark.parametrize("text", ["Related: Storm", "Photo: Jo Lee\n", "• Storm\n• Fog", "Reuters\nAP"])
def test_a_text_of_labels_alone_keeps_a_line_or_none(text: str) -> None:
    assert teaser("", text) in ("", " ".join(text.split()), text.strip().split("\n")[-1])


def test_sentences_that_begin_as_labels_do_stay() -> None:
    for text in (
        "Video shows the ferry as it runs aground.",
        "Reuters reported the loss of the ferry.",
        "- He said no.",
    ):
        assert teaser("", f"{text} Nobody died.").startswith(text[:20])
