"""The table of verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_aleatoric import __version__

from . import (
    _calibrate,
    _data,
    _demo,
    _doctor,
    _filter,
    _finetune_clip,
    _predict,
    _readers,
    _reference,
    _regions,
    _report,
    _review,
    _runs,
    _scores,
    _search_saliency,
    _segment,
    _store,
    _train,
    _weights,
    _window,
)

__all__ = ["app"]

app = typer.Typer(
    name="aleatoric",
    help="Find the segmentation labels worth a second look, see why and where, and get them fixed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--debug with any verb shows the traceback of an error. Exit status 0 only on success.",
)

app.command("demo")(_demo.demo)
app.command("samples")(_data.samples)
app.command("init")(_data.init)
app.command("score")(_scores.score)
app.command("queue")(_scores.queue)
app.command("regions")(_regions.regions)
app.command("calibrate")(_calibrate.calibrate)
app.command("segment")(_segment.segment)
app.command("decide")(_review.decide)
app.command("export")(_review.export)
app.command("report")(_report.report)
app.command("filter")(_filter.filter_labels)
app.command("train")(_train.train)
app.command("predict")(_predict.predict)
app.command("runs")(_runs.runs)
app.command("promote")(_runs.promote)
app.command("finetune-clip")(_finetune_clip.finetune_clip)
app.command("search-saliency")(_search_saliency.search_saliency)
app.command("open")(_window.open_window)
app.add_typer(_weights.weights, name="weights")
app.add_typer(_reference.reference, name="reference")
app.add_typer(_readers.readers, name="readers")
app.add_typer(_store.store, name="store")
app.command("doctor")(_doctor.doctor)
app.command("tour", hidden=True)(_window.tour)


@app.callback(invoke_without_command=True)
def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Find the segmentation labels worth a second look, see why and where, and get them fixed."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
