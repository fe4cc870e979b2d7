"""Chinese pages, which end in ``.zh``: their language, the frame around them, their line ends, and how they are found.

Sphinx builds a site in one language. The pages of this one that are in another say so in their ``lang`` attribute,
which decides fonts, punctuation and how a screen reader speaks, and get Sphinx's and the theme's own words in Chinese.
"""

import html
import re
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff"
_MARK = "\u3000-\u303f\uff00-\uffef"  # full-width punctuation, which brings its own room
_SIGN = f"[{_MARK}{_IDEOGRAPH}]"
# What stays is a blank: the one between ideographs and Latin letters, which the pages have within lines as well.
_BREAK = re.compile(rf"(?<={_SIGN})\n(?={_SIGN})|(?<=[{_MARK}])\n|\n(?=[{_MARK}])")

CAPTION = "中文"  # of the Chinese pages in the sidebar
_FRAME = {
    "Back to top": "回到顶部",
    "Copyright &#169; %(copyright)s": "版权所有 &#169; %(copyright)s",
    "Home": "首页",
    "Index": "索引",
    "Next": "下一页",
    "On this page": "本页内容",
    "Previous": "上一页",
    "Search": "搜索",
    "Skip to content": "跳到正文",
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("doctree-read", _join)
    app.connect("html-page-context", _frame, priority=900)  # after the theme has made its sidebar
    app.add_search_language(SearchBoth)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class SearchBoth(SearchEnglish):
    """English words as ever; Chinese, which has no blanks between words, by its ideographs and their pairs.

    A page has every ideograph and every pair of neighbors in its index; what is asked for has its pairs alone, or its
    only ideograph. So 学习率预热 finds pages with 学习, 习率, 率预 and 预热, without a dictionary of words.
    """

    js_splitter_code = r"""
var splitQuery = (query) =>
  (query.match(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_\p{Emoji_Presentation}])+/gu) || [])
    .flatMap((word) => {
      const signs = [...word];
      if (signs.length < 2 || !/\p{Script=Han}/u.test(word)) return [word];
      return signs.slice(1).map((sign, place) => signs[place] + sign);
    });
"""

    def split(self, input: str) -> list[str]:
        """Words for the index."""
        found = []
        for word in re.findall(rf"[{_IDEOGRAPH}]+|[^\W{_IDEOGRAPH}]+", input):
            if re.match(f"[{_IDEOGRAPH}]", word):
                found += [*word, *(word[place : place + 2] for place in range(len(word) - 1))]
            else:
                found.append(word)
        return found


def _frame(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:  # noqa: ARG001
    """A page's language, where it stands in the other one, and Chinese words and the Chinese pages first around it."""
    chinese = page.endswith(".zh")
    twin = page.removesuffix(".zh") if chinese else f"{page}.zh"
    if twin in app.env.found_docs:
        other, link = "en" if chinese else "zh-CN", html.escape(context["pathto"](twin))
        context["metatags"] = f'{context.get("metatags", "")}\n<link rel="alternate" hreflang="{other}" href="{link}">'
    if not chinese:
        return
    context["language"] = "zh-CN"
    context["gettext"] = lambda text: _FRAME.get(text, text)
    context["furo_navigation_tree"] = _first(context["furo_navigation_tree"])


def _first(navigation: str) -> str:
    """A sidebar whose Chinese group stands before the English ones."""
    sidebar = BeautifulSoup(navigation, "html.parser")
    caption = next(one for one in sidebar.find_all("p", class_="caption") if one.get_text(strip=True) == CAPTION)
    group = [caption, caption.find_next_sibling("ul")]
    for place, part in enumerate(group):
        sidebar.insert(place, part.extract())
    return str(sidebar)


def _join(app: Sphinx, tree: nodes.document) -> None:  # noqa: ARG001 - Sphinx hands it over
    """Joins lines of a Chinese paragraph without the blank that joins English ones."""
    for text in [*tree.findall(nodes.Text)]:  # a line break is often a node of its own
        if "\n" in text and not isinstance(text.parent, nodes.literal_block):
            inside = text.parent
            place = next(number for number, child in enumerate(inside.children) if child is text)
            before = inside[place - 1].astext()[-1:] if place else ""
            after = inside[place + 1].astext()[:1] if place + 1 < len(inside) else ""
            joined = _BREAK.sub("", f"{before}{text}{after}")
            inside[place] = nodes.Text(joined[len(before) : len(joined) - len(after)])
