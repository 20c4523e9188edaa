# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""The CPUs that may be used, on machines and in containers that are made up here."""

import os

import pytest

from mxnet_im2rec.cpus import usable_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


def cpus_in(tmp_path, memberships, files):
    """The CPUs found by a process with these lines in its /proc/self/cgroup, in a tree with these files."""
    root = tmp_path / "cgroup"
    root.mkdir()
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    cgroup_file = tmp_path / "self"
    cgroup_file.write_text("".join(line + "\n" for line in memberships))
    return usable_cpus(str(root), str(cgroup_file))


VERSION_2 = {
    "no quota file": ("/", {}, 8),
    "max": ("/", {"cpu.max": "max 100000\n"}, 8),
    "a quota": ("/", {"cpu.max": "300000 100000\n"}, 3),
    "a quota is rounded down": ("/", {"cpu.max": "390000 100000\n"}, 3),
    "half a CPU is one": ("/", {"cpu.max": "50000 100000\n"}, 1),
    "a quota above the machine": ("/", {"cpu.max": "6400000 100000\n"}, 8),
    "another period": ("/", {"cpu.max": "100000 50000\n"}, 2),
    "an empty file": ("/", {"cpu.max": ""}, 8),
    "a nested group": ("/a/b", {"a/b/cpu.max": "200000 100000\n"}, 2),
    "the quota of a parent": ("/a/b/c", {"a/cpu.max": "200000 100000\n", "a/b/c/cpu.max": "max 100000\n"}, 2),
    "the least of all": ("/a/b", {"cpu.max": "500000 100000", "a/cpu.max": "400000 100000", "a/b/cpu.max": "600000 100000"}, 4),
    "a sibling does not count": ("/a/b", {"a/c/cpu.max": "100000 100000\n"}, 8),
    "a group that is not mounted here": ("/docker/0123", {"cpu.max": "200000 100000\n"}, 2),
    "a group outside of the namespace": ("/../b", {"cpu.max": "200000 100000\n"}, 2),
    "a colon in the name": ("/a:b", {"a:b/cpu.max": "200000 100000\n"}, 2),
}


@pytest.mark.parametrize(("group", "files", "expected"), list(VERSION_2.values()), ids=list(VERSION_2))
def test_quotas_of_version_2(tmp_path, group, files, expected):
    assert cpus_in(tmp_path, ["0::" + group], files) == expected


VERSION_1 = {
    "no quota file": ("/", {}, 8),
    "no quota": ("/", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
    "a quota": ("/", {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    "a period alone": ("/", {"cpu/cpu.cfs_period_us": "100000\n"}, 8),
    "half a CPU is one": ("/", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    "the quota of a parent": (
        "/a/b",
        {
            "cpu/a/cpu.cfs_quota_us": "200000\n",
            "cpu/a/cpu.cfs_period_us": "100000\n",
            "cpu/a/b/cpu.cfs_quota_us": "-1\n",
            "cpu/a/b/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "a group that is not mounted here": (
        "/docker/0123",
        {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        2,
    ),
}


@pytest.mark.parametrize(("group", "files", "expected"), list(VERSION_1.values()), ids=list(VERSION_1))
@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_quotas_of_version_1(tmp_path, controllers, group, files, expected):
    memberships = ["12:memory:/m", f"4:{controllers}:{group}", "1:name=systemd:/s"]
    assert cpus_in(tmp_path, memberships, files) == expected


def test_other_controllers_of_version_1_do_not_count(tmp_path):
    files = {"cpu/a/cpu.cfs_quota_us": "100000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}
    assert cpus_in(tmp_path, ["3:cpuset:/a", "2:cpuacct:/a"], files) == 8


def test_both_versions_at_once(tmp_path):
    files = {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n", "cpu.max": "500000 100000\n"}
    assert cpus_in(tmp_path, ["4:cpu,cpuacct:/", "0::/"], files) == 3


def test_the_affinity_is_the_limit_where_there_are_no_groups(tmp_path, monkeypatch):
    assert usable_cpus(str(tmp_path / "none"), str(tmp_path / "none")) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 7})
    assert usable_cpus(str(tmp_path / "none"), str(tmp_path / "none")) == 2


def test_the_affinity_is_the_limit_where_the_quota_is_larger(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 7})
    assert cpus_in(tmp_path, ["0::/"], {"cpu.max": "300000 100000\n"}) == 2


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (None, 1)])
def test_the_count_of_cpus_stands_in_for_the_affinity(tmp_path, monkeypatch, count, expected):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert usable_cpus(str(tmp_path / "none"), str(tmp_path / "none")) == expected


def test_this_machine_has_a_cpu_and_not_more_than_it_has(monkeypatch):
    monkeypatch.undo()
    assert 1 <= usable_cpus() <= os.cpu_count()
