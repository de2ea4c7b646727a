"""`refunds schemas`: the JSON Schemas of the messages."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from models.messages import names
from models.messages.captures import CaptureRecordV1
from models.messages.refunds import RefundRequestV1
from worker.cli.output import console
from worker.steps.instructions import KINDS, message_of

app = typer.Typer(help="The JSON Schemas of the messages.", no_args_is_help=True)

MODELS: dict[str, type[BaseModel]] = {
    names.CAPTURES_RECORD: CaptureRecordV1,
    names.REFUNDS_REQUEST: RefundRequestV1,
    **{task: message_of(task) for task in KINDS},
}


def schemas() -> dict[str, str]:
    """The JSON Schemas as text by file name."""
    return {
        f"{name}.v1.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **model.model_json_schema(),
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
        for name, model in MODELS.items()
    }


@app.command("export")
def export(folder: Annotated[Path, typer.Argument(help="Where to write them.")]) -> None:
    """Write a JSON Schema a message."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text)
        console.print(str(folder / name))


@app.command("list")
def list_schemas() -> None:
    """List the messages that have a schema."""
    for name in MODELS:
        console.print(name)
