"""Pages as a user without a browser sees them: NiceGUI's own simulation."""

import numpy as np
import pytest

import preheat
from preheat.errors import PreheatError
from preheat.messages.languages import tell
from preheat.studio.fields import as_page_says
from preheat.studio.frame import NAMES
from preheat.studio.pages.audit import NAMED, Asked, verdict_on
from preheat.studio.pages.plan import LABELS, planned
from support.studio_user import as_user, one, until


def points(chart, at=0):
    """Positions and values of a curve of a chart."""
    return np.array([point for point in chart.props["options"]["series"][at]["data"] if point[1] is not None]).T


def drawn(chart):
    """The series of a chart that are curves; marks have no points."""
    return [series for series in chart.props["options"]["series"] if series["data"]]


def marked(options, name):
    """Where the marks of a name are."""
    (series,) = [one for one in options["series"] if one["name"] == name]
    return series["markLine"]["data"]


def test_the_curve_is_the_schedule(tmp_path):
    """Every point of the page is what the schedule says there, to the last bit."""

    async def visit(user):
        await user.open("/?s=warmup+5%25+>+hold+>+1-sqrt+20%25+to+0.1&updates=3600&lr=0.0003")
        return points(one(user, "chart"))

    positions, values = as_user(tmp_path, visit)
    schedule = preheat.parse("warmup 5% > hold > 1-sqrt 20% to 0.1").over(3600)
    assert len(positions) > 300
    assert (values == 0.0003 * schedule(positions.astype(int))).all()


def test_typed_dragged_undone_redone(tmp_path):
    """A schedule is typed, a phase made longer; undo and redo go through the same designs."""

    async def visit(user):
        await user.open("/?s=warmup+10%25+>+cosine+to+0&updates=1000&lr=1")
        one(user, "words-0").set_value("warmup 20% > linear to 0")
        assert points(one(user, "chart"))[1].max() == 1.0
        one(user, "slide-0").set_value(400)
        assert one(user, "words-0").value == "warmup 40% > linear to 0"
        assert one(user, "length-0").value == "40%"
        user.find(marker="undo").click()
        await until(lambda: one(user, "words-0").value == "warmup 20% > linear to 0", "undo")
        user.find(marker="undo").click()
        await until(lambda: one(user, "words-0").value == "warmup 10% > cosine to 0", "undo again")
        user.find(marker="redo").click()
        await until(lambda: one(user, "words-0").value == "warmup 20% > linear to 0", "redo")
        positions, values = points(one(user, "chart"))
        assert (values == preheat.parse("warmup 20% > linear to 0").over(1000)(positions.astype(int))).all()

    as_user(tmp_path, visit)


def test_phases_added_moved_removed(tmp_path):
    """The buttons of the rows change the words."""

    async def visit(user):
        await user.open("/?s=warmup+10%25+>+cosine+to+0&updates=1000")
        user.find(marker="add-hold").click()
        await until(lambda: one(user, "words-0").value == "warmup 10% > hold 10% > cosine to 0", "added")
        user.find(marker="later-1").click()
        await until(lambda: one(user, "words-0").value == "warmup 10% > cosine to 0 > hold 10%", "moved")
        user.find(marker="remove-0").click()
        await until(lambda: one(user, "words-0").value == "cosine to 0 > hold 10%", "removed")

    as_user(tmp_path, visit)


def test_several_schedules_and_a_refusal(tmp_path):
    """A schedule that cannot be read says why at its own place; the others stay drawn."""

    async def visit(user):
        await user.open("/?s=warmup+10%25+>+cosine+to+0&s=hold&updates=1000")
        assert len(drawn(one(user, "chart"))) == 2
        one(user, "words-1").set_value("warmup 10% > cosin to 0")
        assert "Did you mean 'cosine'?" in one(user, "words-1").error
        assert len(drawn(one(user, "chart"))) == 1
        one(user, "words-1").set_value("warmup 10% > cosine to 0.5")
        assert one(user, "words-1").error is None
        assert len(drawn(one(user, "chart"))) == 2

    as_user(tmp_path, visit)


def test_numbers_beside_the_curve(tmp_path):
    """Description, findings, score and code follow the edited schedule."""

    async def visit(user):
        await user.open("/?s=transformers:+warmup+100+>+linear+900+to+0&updates=2000&lr=0.001")
        await until(lambda: "the run goes on for 1000 updates" in one(user, "describe").text, "description")
        await user.should_see("the schedule ends after 1000 of 2000 updates")
        await user.should_see("1.4")
        await until(lambda: "preheat.parse" in one(user, "copy-text").text, "code")
        one(user, "target").set_value("transformers")
        await until(
            lambda: "nearest" in one(user, "copy-notes").text or "exact" in one(user, "copy-notes").text, "copy"
        )
        assert "TrainingArguments" in one(user, "copy-text").text

    as_user(tmp_path, visit)


def test_settings_are_refused_where_they_are_written(tmp_path):
    """An impossible number has its sentence below the field, and changes nothing."""

    async def visit(user):
        await user.open("/?updates=1000")
        one(user, "updates").set_value("0")
        assert one(user, "updates").error.startswith("Updates must be >= 1; got 0.")
        one(user, "lr").set_value("fast")
        assert one(user, "lr").error.startswith("Peak learning rate must be a number; got 'fast'.")
        one(user, "updates").set_value("500")
        assert one(user, "updates").error is None
        assert one(user, "chart").props["options"]["xAxis"]["max"] == 500

    as_user(tmp_path, visit)


def test_axis_in_epochs_and_marks(tmp_path):
    """Epochs scale the axis and are marked; a length in epochs is resolved."""

    async def visit(user):
        await user.open("/?s=warmup+2+epochs+>+cosine+to+0&updates=1000&epoch=100&every=250&axis=epoch")
        return one(user, "chart").props["options"]

    options = as_user(tmp_path, visit)
    assert options["xAxis"]["max"] == 10.0
    assert {"xAxis": 2.0, "label": {"formatter": "warm-up ends 200"}}.items() <= marked(options, "")[0].items()
    assert [mark["xAxis"] for mark in marked(options, "epoch")] == [float(n) for n in range(1, 10)]
    assert [mark["xAxis"] for mark in marked(options, "checkpoint")] == [2.5, 5.0, 7.5]
    assert options["legend"]["data"] == ["1. warmup 2 epochs > cosine to 0", "epoch", "checkpoint"]


def test_an_axis_that_cannot_be_counted(tmp_path):
    """Epochs are refused until it is said how long one is; and that is not forgotten while they are the axis."""

    async def visit(user):
        await user.open("/?updates=1000")
        one(user, "axis").set_value("epoch")
        await user.should_see("Axis must be update until the updates in an epoch are given; got 'epoch'.")
        assert one(user, "axis").value == "update"
        one(user, "epoch").set_value("100")
        one(user, "axis").set_value("epoch")
        assert one(user, "chart").props["options"]["xAxis"]["max"] == 10.0
        one(user, "epoch").set_value("")
        assert one(user, "epoch").error.startswith("Axis must be update until the updates in an epoch are given;")
        assert one(user, "chart").props["options"]["xAxis"]["max"] == 10.0

    as_user(tmp_path, visit)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", ["", "plan", "runs", "studies", "audit"])
def test_every_page_in_every_language(tmp_path, page, language):
    """Each page opens and names the others in its language; no word is missing."""

    async def visit(user):
        await user.open(f"/{page}?lang={language}")
        for name in NAMES.values():
            await user.should_see(tell(name, language))

    as_user(tmp_path, visit)


def test_a_bad_address_says_why(tmp_path):
    """The refusal is shown, with a design that works."""

    async def visit(user):
        await user.open("/?updates=-3")
        await user.should_see("updates must be >= 1; got -3.")
        assert drawn(one(user, "chart"))

    as_user(tmp_path, visit)


def test_plan_page_counts(tmp_path):
    """The arithmetic is the plan's, the command is the command's, the way to a design carries the run."""

    async def visit(user):
        await user.open("/plan")
        plan = preheat.Plan(examples=3821, batch_size=32, epochs=30)
        assert one(user, "arithmetic").text == plan.explain("10%")
        one(user, "accumulation").set_value("4")
        assert one(user, "arithmetic").text == preheat.Plan(3821, 32, 30, accumulation=4).explain("10%")
        assert one(user, "command").text == (
            "preheat plan --examples 3821 --batch-size 32 --epochs 30 --accumulation 4 --warmup 10%"
        )
        assert "updates=900" in one(user, "use").props["href"]
        one(user, "epochs").set_value("many")
        assert (
            one(user, "refusal").text
            == "Epochs must be a number; got 'many'. Write it in digits, as in 0.0003 or 10,000."
        )

    as_user(tmp_path, visit)


def test_chinese_pages_say_it_in_chinese(tmp_path):
    """Numbers, findings, refusals and arithmetic; the page's fields by the names they have there."""

    async def visit(user):
        await user.open("/?lang=zh&s=transformers:+warmup+100+>+linear+900+to+0&updates=2000&lr=0.001")
        await until(lambda: "1000 步" in one(user, "describe").text, "description")
        assert "the run goes on" not in one(user, "describe").text
        await user.should_see("错误：")
        await user.should_not_see("the schedule ends")
        assert "lang" not in one(user, "describe").props
        one(user, "words-0").set_value("warmup 100 > linea 900")
        assert "必须" in one(user, "words-0").error
        await user.should_see("未做检查：调度 1 尚不能解析。", retries=40)
        one(user, "lr").set_value("0,0003")
        assert one(user, "lr").error.startswith("“峰值学习率”必须是数")
        assert "小数点请写成“.”，例如 0.0003；逗号只能用作千位分隔符" in one(user, "lr").error
        await user.open("/plan?lang=zh")
        assert one(user, "arithmetic").text.split("\n") == [
            "每轮批数：ceil(3821 个样本 / 32) = 120",
            "总步数：120 批 x 30 轮 = 3600",
            "预热：10%（共 3600 步）= 360 步",
        ]
        await user.open("/plan")
        assert one(user, "arithmetic").text.startswith("batches per epoch: ceil(3821 examples / 32) = 120")

    as_user(tmp_path, visit)


def test_nothing_is_found_in_what_was_not_checked(tmp_path):
    """Words that cannot be read have no findings, and it is said that nobody looked."""

    async def visit(user):
        await user.open("/?updates=1000&s=warmup+10%25+>+cosine+to+0")
        one(user, "words-0").set_value("warmup 500 > hodl")
        await user.should_see("Nothing was checked: schedule 1 cannot be read.", retries=40)
        await user.should_see("Nothing to say: schedule 1 cannot be read.")
        await user.should_not_see("Nothing found.")

    as_user(tmp_path, visit)


@pytest.mark.parametrize("written", ["0,0003", "0,001", "1,5", "1,00,000", "1,000.5,0", "10，000"])
def test_commas_part_thousands_and_nothing_else(tmp_path, written):
    """A decimal comma is refused on every page; the curve stays."""

    async def visit(user):
        await user.open("/?updates=1000&lr=0.5")
        one(user, "lr").set_value(written)
        assert one(user, "lr").error.startswith(
            f"Peak learning rate must be a number; got '{written}'. Write a decimal"
        )
        assert points(one(user, "chart"))[1].max() == 0.5
        one(user, "updates").set_value("12,000")
        assert one(user, "updates").error is None
        assert one(user, "chart").props["options"]["xAxis"]["max"] == 12_000
        assert one(user, "lr").value == written
        await user.open("/plan")
        one(user, "epochs").set_value(written)
        assert one(user, "refusal").text.startswith(f"Epochs must be a number; got '{written}'. Write a decimal point")

    as_user(tmp_path, visit)
    with pytest.raises(PreheatError, match=f"lr must be a number; got '{written}'"):
        verdict_on("log.csv", b"update,lr\n0,1.0\n1,0.5\n", Asked(against="linear", lr=written))


def test_other_pages_keep_the_design(tmp_path):
    """There and back by the menu, in another language and theme too; a link to be sent on has the design alone."""

    async def visit(user):
        await user.open("/?updates=1000&s=hold")
        one(user, "words-0").set_value("warmup 20% > linear to 0")

        def moved():
            return "linear" in one(user, "to-plan").props["href"]

        await until(moved, "the ways from the page")
        assert "linear" in one(user, "language-zh").props["href"]
        await user.open(one(user, "to-plan").props["href"])
        one(user, "epochs").set_value("7")
        await user.open(one(user, "language-zh").props["href"])
        assert one(user, "epochs").value == "7"
        await user.open(one(user, "to-design").props["href"])
        assert one(user, "words-0").value == "warmup 20% > linear to 0"
        assert one(user, "updates").value == "1000"
        await user.open(one(user, "to-plan").props["href"])
        assert one(user, "epochs").value == "7"

    as_user(tmp_path, visit)


def test_a_page_says_its_language(tmp_path):
    """By the address as people write it, else by the browser; as an attribute of the page."""

    async def visit(user):
        async def page(query, accepted):
            return (await user.http_client.get(f"/plan{query}", headers={"accept-language": accepted})).text[:300]

        assert 'lang="zh-CN"' in await page("?lang=zh", "en")
        assert 'lang="zh-CN"' in await page("?lang=zh-Hans", "en")
        assert 'lang="en-US"' in await page("?lang=en", "zh-CN,zh;q=0.9")
        assert 'lang="zh-CN"' in await page("", "zh-CN,zh;q=0.9")
        assert 'lang="zh-CN"' in await page("?lang=fr", "zh-CN,zh;q=0.9")
        assert 'lang="en-US"' in await page("", "fr")

    as_user(tmp_path, visit)


def test_a_refusal_calls_fields_as_the_page_does():
    """Parameters and options have other names where they are fields; the file has no folder."""
    with pytest.raises(PreheatError) as refused:
        verdict_on("log.csv", b"a,b\n1,2\n", Asked())
    assert "got 'log.csv'" in str(refused.value)
    with pytest.raises(PreheatError) as refused:
        verdict_on("log.csv", b"step,b\n1,2\n", Asked())
    assert "column= (--column)" in str(refused.value)
    assert "with the field Column of the learning rate." in as_page_says(refused.value, NAMED)
    assert "“学习率所在列”一栏" in tell(as_page_says(refused.value, NAMED), "zh")
    with pytest.raises(PreheatError) as refused:
        planned({"batch_size": "0", "examples": "10", "epochs": "1"})
    assert tell(as_page_says(refused.value, LABELS), "en").startswith("Batch size of a process must be")
    assert tell(as_page_says(refused.value, LABELS), "zh").startswith("“每个进程的批大小”必须")
