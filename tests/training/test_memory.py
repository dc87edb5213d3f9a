"""Peak memory, of processes before this one too."""

from pointlora.training.memory import peak_memory


def test_the_highest_of_all_processes_of_a_run_counts():
    now = peak_memory()
    assert now["peak_memory_mib"] > 10
    assert peak_memory({"peak_memory_mib": 1.0})["peak_memory_mib"] >= now["peak_memory_mib"]
    assert peak_memory({"peak_memory_mib": 1e9})["peak_memory_mib"] == 1e9
    assert peak_memory({"peak_memory_mib": None})["peak_memory_mib"] >= now["peak_memory_mib"]
    # What was allocated on a GPU before is known after a resumption on a machine without one.
    assert peak_memory({"peak_device_memory_mib": 1e9})["peak_device_memory_mib"] == 1e9
