"""Chinese and English are both complete, and the tool that says so can say otherwise."""

import gettext
import re
from pathlib import Path

import pytest
from django.utils import translation

from config.translations import (
    ROOT,
    TranslationsIncomplete,
    check,
    compile_,
    extracted,
    main,
    mo_path,
    placeholders,
    po_path,
    read,
    typeset,
    update,
)

VIEWS = """
from django.utils.translation import gettext as _, gettext_lazy, gettext_noop, ngettext, pgettext

TITLE = gettext_lazy("Title")
NOTE = gettext_noop("Noted")
def view(n, name):
    _("Split "
      "in two")
    pgettext("of a door", "Open")
    _("Hello, %(name)s") % {"name": name}
    name = f"{name}: {_('Within')}"
    return ngettext("%(n)d meter", "%(n)d meters", n) % {"n": n}
"""
PAGE = """{% load i18n %}
<p title="{% translate 'A word' %}">it's "quoted" and 'half
   {% translate "It's theirs" %} {{ _("In a variable") }} {{ x|default:_("In a filter") }}</p>
      {% blocktranslate trimmed with name=user.name %}
        One line,
        {{ name }}
      {% endblocktranslate %}
  {% blocktranslate count n=n %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}
 {% translate "Read" context "past" %}{# {% translate "Left out" %} #}
"""
STRINGS = {
    ("Title", ""),
    ("Noted", ""),
    ("Split in two", ""),
    ("Within", ""),
    ("Open", "of a door"),
    ("Hello, %(name)s", ""),
    ("%(n)d meter", ""),
    ("A word", ""),
    ("It's theirs", ""),
    ("In a variable", ""),
    ("In a filter", ""),
    ("One line, %(name)s", ""),
    ("%(n)s day", ""),
    ("Read", "past"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small product of one module and one template, completely translated."""
    for path, content in {"apps/views.py": VIEWS, "config/x.py": "", "templates/page.html": PAGE}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    update(tmp_path)
    text = po_path(tmp_path).read_text()
    text = re.sub(r'msgid "(.+)"\nmsgstr ""', r'msgid "\1"\nmsgstr "译 \1"', text)
    text = re.sub(r'msgid_plural "(.+)"\nmsgstr\[0\] ""', r'msgid_plural "\1"\nmsgstr[0] "译 \1"', text)
    po_path(tmp_path).write_text(text)
    compile_(tmp_path)
    return tmp_path


def change_po(house: Path, old: str, new: str) -> None:
    text = po_path(house).read_text()
    assert old in text
    po_path(house).write_text(text.replace(old, new))


def refusal(house: Path) -> str:
    with pytest.raises(TranslationsIncomplete) as refused:
        check(house)
    return str(refused.value)


def test_every_string_of_the_product_is_translated() -> None:
    check(ROOT)


def test_every_way_to_write_a_string_is_found(house: Path) -> None:
    found = {(m.id if isinstance(m.id, str) else m.id[0], m.context or "") for m in extracted(house) if m.id}
    assert found == STRINGS
    check(house)


def test_a_second_update_changes_nothing(house: Path) -> None:
    before = po_path(house).read_bytes(), mo_path(house).read_bytes()
    (house / "apps" / "views.py").write_text("\n\n\n" + VIEWS)
    assert update(house) == []
    assert (po_path(house).read_bytes(), mo_path(house).read_bytes()) == before


def test_the_compiled_catalogue_speaks(house: Path) -> None:
    with mo_path(house).open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert catalogue.gettext("Title") == "译 Title"
    assert catalogue.pgettext("past", "Read") == "译 Read"
    assert catalogue.ngettext("%(n)d meter", "%(n)d meters", 1) == "译 %(n)d meters"


def test_a_new_string_is_missed(house: Path) -> None:
    (house / "apps" / "views.py").write_text(VIEWS + "_('New here')\n")
    assert "“New here”" in refusal(house)
    assert update(house) == ["not translated: “New here”"]
    assert refusal(house) == "“New here” is not translated."


def test_a_string_that_is_gone_is_stale(house: Path) -> None:
    (house / "templates" / "page.html").write_text(PAGE.replace("A word", "Another"))
    update(house)
    (house / "templates" / "page.html").write_text(PAGE.replace("{% translate 'A word' %}", ""))
    assert "“Another”" in refusal(house)


def test_a_guess_is_not_a_translation(house: Path) -> None:
    change_po(house, 'msgid "Noted"', '#, fuzzy\nmsgid "Noted"')
    assert "fuzzy" in refusal(house)


@pytest.mark.parametrize("wrong", ["译 Hello, %(nme)s", "译 Hello", "译 %(name)s %(name)s", "译 %(name)d"])
def test_a_placeholder_may_not_change(house: Path, wrong: str) -> None:
    change_po(house, "译 Hello, %(name)s", wrong)
    compile_(house)
    assert "“Hello, %(name)s” has other placeholders" in refusal(house)


def test_a_plural_that_became_a_plain_string_is_seen(house: Path) -> None:
    (house / "apps" / "views.py").write_text(
        VIEWS.replace('ngettext("%(n)d meter", "%(n)d meters", n)', '_("%(n)d meter")')
    )
    assert "plural of “%(n)d meter”" in refusal(house)


def test_the_compiled_file_must_be_of_the_written_one(house: Path) -> None:
    change_po(house, "译 Title", "题目")
    assert "django.mo" in refusal(house)
    compile_(house)
    check(house)
    mo_path(house).unlink()
    assert "django.mo" in refusal(house)


def test_pending_translations_are_taken_over_once(house: Path) -> None:
    (house / "apps" / "views.py").write_text(VIEWS + "_('Paid (cash), still dark?')\n")
    pending = house / "config" / "locale" / "pending" / "x.po"
    pending.parent.mkdir()
    pending.write_text(
        'msgid "Paid (cash), still dark?"\nmsgstr "已付(现金),没电?"\n\nmsgid "Title"\nmsgstr "头衔"\n\n'
        'msgid "Nowhere"\nmsgstr "无"\n'
    )
    assert "x.po waits" in refusal(house)
    doubts = update(house)
    assert not pending.exists()
    check(house)
    strings = {m.id: m.string for m in read(po_path(house))}
    assert strings["Paid (cash), still dark?"] == "已付（现金），没电？"
    assert strings["Title"] == "译 Title"
    assert doubts == ["kept 译 Title and not 头衔: “Title”", "dropped, it stands nowhere: “Nowhere”"]


def test_a_broken_file_is_refused_in_one_sentence(
    house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change_po(house, 'msgstr "译 Title"', 'msgstring "译 Title"')
    monkeypatch.setattr("config.translations.ROOT", house)
    assert main(["check"]) == 1
    assert capsys.readouterr().err.startswith("translations: django.po is not a .po file: ")


def test_placeholders_are_counted_and_percent_signs_are_not() -> None:
    assert placeholders("%(n)d of %(all)s, {left} %s 100%%") == ["%(all)s", "%(n)d", "%s", "{left}"]


@pytest.mark.parametrize(
    ("half", "full"),
    [
        ("没有信号,钱和电量都不会丢", "没有信号，钱和电量都不会丢"),
        ("读数(%(at)s)", "读数（%(at)s）"),
        ("金额 (元)", "金额（元）"),
        ("%(name)s, 您好", "%(name)s，您好"),
        ("n月j日 H:i", "n月j日 H:i"),
        ('<a href="tel:%(p)s">%(p)s</a>,请', '<a href="tel:%(p)s">%(p)s</a>，请'),
        ("Alipay, etc.", "Alipay, etc."),
    ],
)
def test_chinese_is_set_with_chinese_punctuation(half: str, full: str) -> None:
    assert typeset(half) == full
    assert typeset(full) == full


def test_what_people_read_is_calm_and_in_their_units() -> None:
    for message in read(po_path(ROOT)):
        if not message.id:
            continue
        english = " ".join([message.id] if isinstance(message.id, str) else message.id)
        chinese = message.string if isinstance(message.string, str) else "".join(message.string or ())
        assert not set("!！") & set(english + chinese), english
        assert chinese == typeset(chinese), english
        assert not re.search(r"kWh|千瓦时|电池", chinese), english
        assert ("yuan" in english) <= ("元" in chinese), english


def test_chinese_words_stand_in_the_catalogue_alone() -> None:
    own_name = re.compile("[>}]中文[<{]")
    sources = [
        path
        for folder in ("apps", "templates", "static", "meter_gateway", "config/settings")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".html", ".js", ".txt"} and "sandbox" not in path.parts
    ]
    assert len(sources) > 100
    # Column names of the bills, what a wallet shows and where a refund arrived, as the platforms say it.
    platforms_words = {
        ROOT / "apps/income/platforms" / name
        for name in ("alipay_bill.py", "transfers.py", "wechat_bill.py", "wechat_refunds.py")
    }
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources
        if path not in platforms_words
        and re.search("[\u4e00-\u9fff]", own_name.sub("", path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def bare_words(template: str) -> set[str]:
    """Return the English that a template shows without having it translated: text, labels, titles."""
    gone = r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|{%\s*blocktrans.*?endblocktrans\w*\s*%}|{%.*?%}|{{.*?}}"
    markup = re.sub(gone, "", template, flags=re.S)
    markup = re.sub(
        r"<(script|style|svg)\b.*?</\1>|<span class=\"material-symbols.*?</span>", "", markup, flags=re.S
    )
    labels = re.findall(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"', markup)
    text = re.sub(r"<[^>]*>|&\w+;", " ", markup)
    return set(re.findall(r"[A-Za-z]{2,}", " ".join([text, *labels])))


def test_templates_show_no_word_that_is_not_translated() -> None:
    assert bare_words('<p title="Now">{% if x %}Pay{% endif %} {{ amount }} {% translate "yuan" %}</p>') == {
        "Now",
        "Pay",
    }
    names_and_formats = {"RentMeter", "EN", "SVG", "PNG"}
    shown = {
        path.name: bare_words(path.read_text(encoding="utf-8"))
        for path in (ROOT / "templates").rglob("*.html")
    }
    assert {name: words for name, words in shown.items() if words - names_and_formats} == {}


def test_django_finds_the_catalogue() -> None:
    with translation.override("zh-hans"):
        assert translation.gettext("Paid, still dark?") == "已付款但没电？"
    with translation.override("en"):
        assert translation.gettext("Paid, still dark?") == "Paid, still dark?"
