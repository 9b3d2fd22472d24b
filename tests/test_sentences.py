"""What is said in two sentences reads as one text in either language."""

from django.utils.translation import gettext_lazy, override

from apps.common.sentences import in_a_row


def test_chinese_sentences_follow_each_other_without_a_space_and_english_ones_with_one() -> None:
    said = [
        gettext_lazy("This meter is still in use, so it cannot be removed."),
        "",
        gettext_lazy("An order is open."),
    ]
    with override("en"):
        assert in_a_row(said) == "This meter is still in use, so it cannot be removed. An order is open."
    with override("zh-hans"):
        assert in_a_row(said) == "".join(str(part) for part in said)
        assert " " not in in_a_row(said)


def test_where_a_sentence_of_one_language_meets_one_of_the_other_a_space_stands_only_where_it_is_needed() -> (
    None
):
    assert in_a_row(["Li。", "Rooms."]) == "Li。Rooms."
    assert in_a_row(["Rooms.", "房间。"]) == "Rooms. 房间。"
    assert in_a_row([]) == ""
