"""XML of feeds, agencies and databases: a bad story costs itself alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport


def read(folder: Path, text: str) -> tuple[list[dict[str, Any]], ReadReport]:
    (folder / "a.xml").write_text(text)
    table, report = read_articles(folder / "a.xml")
    return [{name: value for name, value in row.items() if value} for row in table.to_pylist()], report


def shown(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in names)


NEWSML = """<?xml version="1.0"?><newsMessage xmlns="http://iptc.org/std/nar/2006-10-01/"><header/><itemSet>
<newsItem guid="urn:1" version="2"><itemMeta><itemClass qcode="ninat:text"/><provider literal="Agency"/>
<versionCreated>2026-11-27T09:00:00Z</versionCreated><firstCreated>2026-11-27T08:00:00Z</firstCreated>
<pubStatus qcode="stat:usable"/></itemMeta><contentMeta><by>Ann</by><language tag="en-GB"/>
<subject type="x" qcode="medtop:1"><name xml:lang="en">sea</name></subject><headline>Ferry aground</headline>
<description role="drol:summary">In fog</description></contentMeta><contentSet>
<inlineXML contenttype="application/xhtml+xml"><html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head>
<body><p>A ferry ran aground.</p><p>More.</p></body></html></inlineXML></contentSet></newsItem>
<newsItem guid="urn:2"><itemMeta><itemClass qcode="ninat:picture"/></itemMeta>
<contentMeta><headline>A picture</headline></contentMeta></newsItem>
<newsItem guid="urn:3"><itemMeta><itemClass qcode="ninat:text"/><pubStatus qcode="stat:canceled"/></itemMeta>
<contentMeta><headline>Cancelled</headline></contentMeta></newsItem></itemSet></newsMessage>"""


def test_newsml_g2(tmp_path: Path) -> None:
    (row,), report = read(tmp_path, NEWSML)
    assert shown(row, "id", "title", "body", "lead", "tags", "language", "author", "source") == (
        *("urn:1", "Ferry aground", "A ferry ran aground.\n\nMore.", "In fog", ["sea"], "en", "Ann", "Agency"),
    )
    assert row["published_at"].hour == 8
    assert row["updated_at"].hour == 9
    assert report.unpublished == {"type attachment": 1, "status canceled": 1}


def test_nitf(tmp_path: Path) -> None:
    text = """<?xml version="1.0"?><!DOCTYPE nitf SYSTEM "nitf-3-6.dtd"><nitf xml:lang="en"><head><title>T</title>
<docdata><doc-id id-string="n1"/><date.issue norm="20261127T080000Z"/><key-list><keyword key="sea"/></key-list>
<doc.copyright holder="Agency"/></docdata><pubdata position.section="World"/></head><body><body.head><hedline>
<hl1>Ferry aground</hl1></hedline><byline>By <person>Ann</person></byline><abstract><p>In fog</p></abstract></body.head>
<body.content><block><p>A ferry ran aground.</p><p>More.</p></block><media media-type="image">
<media-reference source="https://c.example/i.jpg"/><media-caption>caption</media-caption></media></body.content></body>
</nitf>"""
    (row,), _ = read(tmp_path, text)
    assert shown(row, "id", "title", "body", "lead", "tags", "section", "author", "source", "image_url") == (
        *("n1", "Ferry aground", "A ferry ran aground.\n\nMore.", "In fog", ["sea"], "World", "Ann", "Agency"),
        "https://c.example/i.jpg",
    )


def test_a_news_sitemap(tmp_path: Path) -> None:
    text = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="n"
 xmlns:image="i"><url><loc>https://c.example/1</loc><news:news><news:publication><news:name>Courier</news:name>
<news:language>en</news:language></news:publication><news:publication_date>2026-11-27</news:publication_date>
<news:title>Ferry aground</news:title><news:keywords>sea, fog</news:keywords></news:news>
<image:image><image:loc>https://c.example/i.jpg</image:loc></image:image></url></urlset>"""
    (row,), _ = read(tmp_path, text)
    assert shown(row, "id", "url", "title", "source", "tags", "image_url") == (
        *("https://c.example/1", "https://c.example/1", "Ferry aground", "Courier", ["sea", "fog"]),
        "https://c.example/i.jpg",
    )


def test_atom_with_markup_and_the_source_of_another_feed(tmp_path: Path) -> None:
    text = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Courier</title><entry><id>tag:1</id>
<title type="html">Ferry &amp;amp; crew</title><link href="https://c.example/1"/><updated>2026-11-27T09:00:00Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It <a href="/x">ran aground</a>.</p></div></content>
<source><id>other</id><title>Other</title></source></entry></feed>"""
    (row,), _ = read(tmp_path, text)
    assert shown(row, "id", "title", "body") == ("tag:1", "Ferry & crew", "It ran aground.")
    assert [link["target"] for link in row["links"]] == ["https://c.example/x"]
    assert row["published_at"] == row["updated_at"] == datetime(2026, 11, 27, 9, tzinfo=UTC)


def test_a_post_with_a_password_in_an_export_is_not_published(tmp_path: Path) -> None:
    item = "<item><title>{}</title><guid>{}</guid><post_password>{}</post_password></item>"
    text = f"<rss><channel>{item.format('Ferry', 1, '')}{item.format('Storm', 2, 'secret')}</channel></rss>"
    rows, report = read(tmp_path, text)
    assert [row["title"] for row in rows] == ["Ferry"]
    assert report.unpublished == {"status password protected": 1}


TAGS = "<tags><tag>a</tag><tag>b</tag></tags>"


@pytest.mark.parametrize(
    "text",
    [
        f'<articles><article id="1"><headline>Ferry</headline>{TAGS}</article></articles>',
        f"<export><title>Ours</title><story><id>1</id><title>Ferry</title>{TAGS}</story></export>",
        '<response><result numFound="1"><doc><str name="id">1</str><str name="title">Ferry</str>'
        '<arr name="tags"><str>a</str><str>b</str></arr></doc></result></response>',
        '<mysqldump><database name="x"><table_data name="t"><row><field name="id">1</field>'
        '<field name="title">Ferry</field><field name="tags">a,b</field></row></table_data></database></mysqldump>',
        "<article><id>1</id><title>Ferry</title><tags>a;b</tags></article>",
    ],
)
def test_exports_whose_elements_are_named_as_columns(tmp_path: Path, text: str) -> None:
    (row,), report = read(tmp_path, text)
    assert shown(row, "id", "title", "tags") == ("1", "Ferry", ["a", "b"])
    assert report.rejected == []


GOOD = "<item><guid>{}</guid><title>Ferry {}</title></item>"


@pytest.mark.parametrize(
    ("bad", "titles"),
    [
        ("<item><guid>x</guid><title>Broken</titl></item>", []),
        ("<item><guid>x</guid><title>Never closed</title>", []),
        ("<item><guid>x</guid><title>Cut in its ti", []),
        ("<item><guid>x</guid><title>A & B&nbsp;&copy; &unknown;</title></item>", ["A & B © &unknown;"]),
        ("<item><guid>x</guid><title>Con\x0btrol&#11;</title></item>", ["Control"]),
        (
            "<item><guid>x</guid><title><![CDATA[In </item> <item> CDATA & more]]></title></item>",
            ["In </item> <item> CDATA & more"],
        ),
        ("<!-- <item><title>Hidden</title></item> -->", []),
        ("<item><guid>x</guid><title>Deep</title>" + "<a>" * 300 + "</a>" * 300 + "</item>", []),
        ("<item/>", []),
        ("<item><guid>x</guid><own:title>Prefix</own:title></item>", ["Prefix"]),
    ],
)
def test_a_bad_story_costs_itself_alone(tmp_path: Path, bad: str, titles: list[str]) -> None:
    rows, report = read(tmp_path, f"<rss><channel>\n{GOOD.format(1, 1)}\n{bad}\n{GOOD.format(2, 2)}\n</channel></rss>")
    assert [row["title"] for row in rows] == ["Ferry 1", *titles, "Ferry 2"]
    assert [row.line for row in report.rejected] == [3] * (not titles and not bad.startswith("<!--"))


def test_stories_of_many_pieces_stand_at_their_lines(tmp_path: Path) -> None:
    stories = [
        f"<item><guid>{n}</guid><title>Story {n}</title><description>{'word ' * 200 * n}\n</description></item>"
        for n in range(60)
    ]
    stories[40] = "<item><title>Broken</item>"
    rows, report = read(tmp_path, "<rss><channel>\n" + "\n".join(stories) + "</channel></rss>")
    assert len(rows) == 59
    assert [row.line for row in report.rejected] == [82]


def test_a_file_that_ends_in_a_story_keeps_those_before(tmp_path: Path) -> None:
    rows, report = read(tmp_path, f"<rss><channel>{GOOD.format(1, 1)}<item><guid>2</guid><title>Cut")
    assert [row["title"] for row in rows] == ["Ferry 1"]
    assert "ends in this story" in report.rejected[0].reason


def test_addresses_of_a_sitemap_that_are_no_stories_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "sitemap.xml"
    path.write_text(
        '<urlset xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://c.example/1</loc>'
        "<news:news><news:title>Ferry</news:title></news:news></url><url><loc>https://c.example/about</loc></url></urlset>",
        encoding="utf-8",
    )
    table, report = read_articles(path)
    assert (table["title"].to_pylist(), report.unpublished, report.rejected) == (["Ferry"], {"type webpage": 1}, [])


def test_newsml_1(tmp_path: Path) -> None:
    item = """<NewsItem><Identification><NewsIdentifier><ProviderId>agency.example</ProviderId><DateId>20261127</DateId>
<NewsItemId>N1</NewsItemId><RevisionId>{revision}</RevisionId></NewsIdentifier></Identification><NewsManagement>
<FirstCreated>20261127T080000Z</FirstCreated><ThisRevisionCreated>20261127T09000{revision}Z</ThisRevisionCreated>
<Status FormalName="{status}"/></NewsManagement><NewsComponent><NewsLines><HeadLine>Ferry aground</HeadLine>
<ByLine>Ann</ByLine></NewsLines><AdministrativeMetadata><Provider><Party FormalName="Agency"/></Provider>
</AdministrativeMetadata><DescriptiveMetadata><Language FormalName="en"/></DescriptiveMetadata><ContentItem>
<MediaType FormalName="Text"/><DataContent>{text}</DataContent></ContentItem></NewsComponent></NewsItem>"""
    nitf = "<nitf><body><body.content><p>A ferry ran aground.</p><p>More.</p></body.content></body></nitf>"
    items = [
        item.format(revision=1, status="Usable", text="<p>Soon.</p>"),
        item.format(revision=2, status="Usable", text=nitf),
        item.format(revision=1, status="Canceled", text=nitf).replace(">N1<", ">N2<"),
        item.format(revision=1, status="Usable", text="").replace(">N1<", ">N3<").replace('"Text"', '"Photo"'),
    ]
    parts = '<!DOCTYPE NewsML SYSTEM "NewsML.dtd" [<!ENTITY % nitf SYSTEM "nitf.dtd"> %nitf;]>'
    (row,), report = read(tmp_path, f'<?xml version="1.0"?>{parts}<NewsML Version="1.2">{"".join(items)}</NewsML>')
    assert shown(row, "id", "title", "body", "language", "author", "source") == (
        *(
            "urn:newsml:agency.example:20261127:N1",
            "Ferry aground",
            "A ferry ran aground.\n\nMore.",
            "en",
            "Ann",
            "Agency",
        ),
    )
    assert (row["published_at"].hour, row["updated_at"].hour, report.superseded) == (8, 9, 1)
    assert report.unpublished == {"status canceled": 1, "type attachment": 1}


def test_what_agencies_put_around_a_story_is_none_of_it(tmp_path: Path) -> None:
    nitf = """<nitf><head><docdata><doc-id regsrc="AP"/></docdata></head><body><body.head><hedline>
<hl1>Ferry aground</hl1><hl2>Ferry aground</hl2></hedline><byline>By ANN BELL<byttl>Business Writer</byttl></byline>
</body.head><body.content><p>A ferry ran
 aground.</p></body.content></body></nitf>"""
    (row,), _ = read(tmp_path, nitf)
    assert shown(row, "id", "author", "lead", "body") == ("a.xml", "ANN BELL", None, "A ferry ran aground.")
    header = "<header><ul><li>Sea</li></ul><h1>Ferry aground</h1></header>"
    news = NEWSML.replace("<body>", f"<body>{header}").replace(
        "</itemMeta><contentMeta><by>",
        '<link rel="irel:seeAlso" href="https://other.example/1"/><link href="https://c.example/1"/></itemMeta>'
        "<contentMeta><by>",
    )
    (row,), _ = read(tmp_path, news)
    assert shown(row, "body", "url") == ("A ferry ran aground.\n\nMore.", "https://c.example/1")


def test_several_authors_of_wordpress(tmp_path: Path) -> None:
    by = "".join(
        f'<category domain="author" nicename="cap-{name}"><![CDATA[{name}]]></category>' for name in ("Ann", "Bo")
    )
    (row,), _ = read(
        tmp_path,
        f"<rss><channel><item><title>Ferry</title><dc:creator>ann7</dc:creator>{by}<wp:post_id>1</wp:post_id></item>"
        "</channel></rss>",
    )
    assert shown(row, "author", "tags") == ("Ann, Bo", None)


def test_a_feed_may_tell_little_of_a_story(tmp_path: Path) -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><title>Ferry</title>'
        "<author><uri>https://c.example/ann</uri></author></entry></feed>"
    )
    (row,), _ = read(tmp_path, atom)
    assert shown(row, "title", "author") == ("Ferry", None)
    rss = "<rss><channel><item><guid>1</guid><description>It ran aground.</description></item></channel></rss>"
    (row,), _ = read(tmp_path, rss)
    assert shown(row, "title", "body") == (None, "It ran aground.")


@pytest.mark.parametrize("element", ["group", "content"])
def test_what_a_feed_says_of_a_picture_is_not_said_of_the_story(tmp_path: Path, element: str) -> None:
    picture = (
        f'<media:{element} url="https://c.example/i.jpg"><media:title>A picture</media:title>'
        '<media:thumbnail url="https://c.example/i.jpg"/></media:' + element + ">"
    )
    rss = (
        f'<rss xmlns:media="http://search.yahoo.com/mrss/"><channel><item>{picture}<guid>1</guid><title>Ferry</title>'
        '<source url="https://agency.example/feed">Agency</source></item></channel></rss>'
    )
    (row,), _ = read(tmp_path, rss)
    assert shown(row, "title", "image_url", "source") == ("Ferry", "https://c.example/i.jpg", "Agency")


def test_a_workbook_in_xml_is_told(tmp_path: Path) -> None:
    head = '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'
    rows, report = read(tmp_path, f"{head}<Workbook><Worksheet><Table><Row/></Table></Worksheet></Workbook>")
    assert (rows, "save it as .xlsx" in report.rejected[0].reason) == ([], True)


@pytest.mark.parametrize("text", ["5 < 6", "<<![CDATA[5 < 6]]>", "<![CDATA[5 <![CDATA[< 6]]>]]>"])
def test_signs_that_are_no_xml_cost_no_story(tmp_path: Path, text: str) -> None:
    (row,), report = read(tmp_path, f"<rss><channel><item><guid>1</guid><title>{text}</title></item></channel></rss>")
    assert (row["title"].replace(" ", "").strip("<"), report.rejected) == ("5<6", [])


def test_an_index_of_sitemaps_holds_no_stories(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        '<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        "<sitemap><loc>https://c.example/s1.xml</loc></sitemap></sitemapindex>"
    )
    assert read_articles(tmp_path / "a.xml")[1].unpublished == {"type sitemap": 1}
