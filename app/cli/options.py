"""The options that the commands of `tuqian vocab` share."""

from __future__ import annotations

from typing import Annotated

import typer

UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="TUQIAN_URL", help="运行中的服务地址；不填则直接用数据库。"),
]
AuthorOption = Annotated[str | None, typer.Option("--author", help="修改人；默认是当前用户名。")]
ReasonOption = Annotated[str, typer.Option("--reason", help="修改的原因，记入版本。")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON。")]
CategoryOption = Annotated[str | None, typer.Option("--category", help="类别。")]
ParentOption = Annotated[list[str] | None, typer.Option("--parent", help="上级标签，可重复。")]
AliasOption = Annotated[list[str] | None, typer.Option("--alias", help="别名，可重复。")]
TemplateOption = Annotated[
    list[str] | None, typer.Option("--template", help="提示模板，含 {}，可重复。")
]
NegativeOption = Annotated[
    list[str] | None, typer.Option("--negative", help="反例提示词，可重复。")
]
GlossOption = Annotated[str | None, typer.Option("--gloss", help="英文释义。")]
DescriptionOption = Annotated[str | None, typer.Option("--description", help="说明。")]
NotesOption = Annotated[str | None, typer.Option("--notes", help="备注。")]
GroupOption = Annotated[str | None, typer.Option("--group", help="互斥组。")]
StateOption = Annotated[str | None, typer.Option("--state", help="active 或 paused。")]
ThresholdOption = Annotated[
    float | None, typer.Option("--threshold", min=-1, max=1, help="手工相似度阈值。")
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        help="这个标签自己的目标：precision_target=0.9、false_positive_rate=0.01、"
        "min_confidence=0.6 或 best_f1。",
    ),
]
TagArgument = Annotated[str, typer.Argument(help="标签的名称、别名或 id。")]
