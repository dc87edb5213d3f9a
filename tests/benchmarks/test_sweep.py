"""The sweep over batch sizes: figures, cells without figures, the budget."""

import contextlib
import json
import time
from types import SimpleNamespace

import pytest
import torch

from pointlora.cli.benchmark import benchmark_module
from pointlora.cli.main import main
from small_benchmarks import shrink

sweep = benchmark_module("sweep")
variants = benchmark_module("sweep_variants")
report = benchmark_module("sweep_report")
SMALL = ["--model", "point_mae_tiny", "--repetitions", "2", "--threads", "1", "--device", "cpu"]
NAMES = ["PointLoRA float32", "PointLoRA bf16", "full fine-tuning float32", "full fine-tuning bf16", "plain float32"]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def _small(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture(params=["small", pytest.param("whole", marks=pytest.mark.slow)])
def _small_and_whole(request, monkeypatch):
    if request.param == "small":
        shrink(monkeypatch)


def run(tmp_path, *arguments):
    written = tmp_path / "sweep.json"
    assert main(["benchmark", *SMALL, "--json", str(written), *arguments]) == 0
    return json.loads(written.read_text())


@pytest.mark.usefixtures("_small_and_whole")
def test_every_cell_has_figures(tmp_path, capsys):
    found = run(tmp_path, "--sweep", "2,1")
    assert found["agreement"]["logits"] < 1e-4
    cells = {(cell["batch"], cell["task"], cell["variant"]): cell for cell in found["sweep"]}
    inference = [NAMES[0], NAMES[1], NAMES[4]]
    order = [(1, "inference", inference), (1, "training step", NAMES)]
    order += [(2, "inference", inference), (2, "training step", NAMES)]
    assert list(cells) == [(batch, task, name) for batch, task, names in order for name in names]
    for (batch, task, variant), cell in cells.items():
        if batch == 1 and task == "training step":
            assert cell["note"] == "needs 2 clouds (BatchNorm)"
            assert cell["milliseconds"] is None
            continue
        assert cell["note"] is None
        assert cell["clouds_per_second"] == pytest.approx(1e3 * batch / cell["milliseconds"])
        assert cell["memory"] > 1e5
        assert cell["ratio"]["median"] == 1 if variant == "plain float32" else cell["ratio"]["median"] > 0
        assert len(cell["samples"]["wall"]) == 2
    output = capsys.readouterr().out
    table = [line for line in output.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(cells)
    assert "| batch | task | variant | ms |" in table[0]
    assert "logits of both sides differ by" in output


def started(seconds=60.0):
    settings = benchmark_module("settings").Settings("point_mae_tiny", 2, 2, 1.0, 1, "cpu")
    return sweep.Sweep(benchmark_module("settings").Context(settings), time.perf_counter() + seconds)


def measured(task, of=None):
    chosen = variants.variants_of(task, "cpu")
    cells = [report.Cell(2, task, variant.name) for variant in chosen]
    (of or started()).measure_task(cells, chosen)
    return {cell.variant: cell for cell in cells}


@pytest.mark.usefixtures("_small")
def test_an_error_is_a_cell_and_the_others_are_measured(monkeypatch):
    calls = []
    make = sweep.call_of

    def failing(variant, task, network, points):
        if variant.name == "PointLoRA bf16":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        call = make(variant, task, network, points)
        if variant.name != "full fine-tuning float32":
            return call

        def later():
            calls.append(0)
            if len(calls) > 2:
                raise RuntimeError("no more\nof this")
            return call()

        return later

    monkeypatch.setattr(sweep, "call_of", failing)
    cells = measured("training step")
    assert cells["PointLoRA bf16"].note == "out of memory"
    broken = cells["full fine-tuning float32"]
    assert (broken.note, broken.wall, broken.ratio) == ("RuntimeError: no more", None, None)
    assert "in later" in broken.trace
    for name in ("PointLoRA float32", "full fine-tuning bf16", "plain float32"):
        assert cells[name].note is None
        assert cells[name].wall.median > 0
        assert cells[name].ratio.median > 0


@pytest.mark.usefixtures("_small")
def test_without_plain_there_are_times_and_no_ratios(monkeypatch):
    make = sweep.call_of

    def failing(variant, *others):
        if variant.network == "plain":
            raise MemoryError
        return make(variant, *others)

    monkeypatch.setattr(sweep, "call_of", failing)
    cells = measured("inference")
    assert cells["plain float32"].note == "out of memory"
    assert cells["PointLoRA float32"].wall.median > 0
    assert cells["PointLoRA float32"].ratio is None
    assert "| 2 | inference | plain float32 | out of memory | - | - | - | - |" in report.sweep_table(
        list(cells.values()), "cpu"
    )


@pytest.mark.usefixtures("_small")
def test_what_the_budget_has_no_time_for_is_not_run(tmp_path, capsys):
    found = run(tmp_path, "--sweep", "2", "--sweep-budget", "0.001", "--sweep-compile")
    assert {cell["note"] for cell in found["sweep"]} == {"not run"}
    assert {cell["task"] for cell in found["sweep"]} == {"inference", "training step", "training step, compiled"}
    assert "| 2 | inference | PointLoRA float32 | not run | - | - | - | - |" in capsys.readouterr().out


def test_time_for_the_warm_up_alone_is_not_enough():
    cells = [report.Cell(2, "inference", "plain float32")]
    begun = sweep.Sweep.__new__(sweep.Sweep)
    begun.deadline = 0.0
    begun._time(cells, {"plain float32": lambda: pytest.fail("called")})
    assert cells[0].note == "not run"


@pytest.mark.usefixtures("_small")
def test_compiled_steps_are_told_apart(monkeypatch):
    entered = []

    @contextlib.contextmanager
    def compiled(network, wanted):
        entered.append(wanted)
        yield SimpleNamespace(seconds=7.5 if wanted else 0.0)
        entered.append("left")

    monkeypatch.setattr(sweep, "compiled", compiled)
    monkeypatch.setattr(torch.compiler, "reset", lambda: entered.append("reset"))
    begun = started()
    first, *others = measured("training step, compiled", begun).values()
    assert entered == [True, False, False, "left", "left", "left", "reset"]
    assert (first.variant, first.note, first.compile_seconds) == ("PointLoRA bf16 compiled", None, 7.5)
    assert first.wall.median > 0
    assert [(cell.note, cell.compile_seconds) for cell in others] == [(None, None)] * 2
    begun.deadline = time.perf_counter() + 7
    assert {cell.note for cell in measured("training step, compiled", begun).values()} == {"not run"}


def test_a_gpu_has_torchs_default_convolutions_too():
    names = [variant.name for variant in variants.variants_of("inference", "cuda")]
    assert names == ["PointLoRA float32", "PointLoRA bf16", "plain float32", "plain, TF32 convolutions"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "1,x"], "'x' must be a whole number of at least 1"),
        (["--sweep", "1", "--sweep-budget", "0"], "must be a number of seconds above 0"),
        (["--sweep", "1", "--only", "fps"], "--only is not for --sweep"),
        (["--sweep-compile"], "are for --sweep"),
    ],
)
def test_wrong_options_are_one_line(arguments, message, capsys):
    assert main(["benchmark", "--device", "cpu", *arguments]) == 2
    assert message in capsys.readouterr().err
