# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""How many CPUs this process may use: the machine's, less what affinity and the container's quota take away."""

from __future__ import annotations

import os
from typing import Iterator, Optional


def usable_cpus(cgroup_root: str = "/sys/fs/cgroup", cgroup_file: str = "/proc/self/cgroup") -> int:
    """The number of CPUs that this process may keep busy, at least 1.

    Those of the affinity mask, or fewer where the quota of a control group of Linux allows less, rounded down.

    Examples
    --------
    >>> usable_cpus() >= 1
    True
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        count = os.cpu_count() or 1
    for quota in _quotas(cgroup_root, cgroup_file):
        count = min(count, int(quota))
    return max(count, 1)


def _quotas(root: str, cgroup_file: str) -> Iterator[float]:
    """The quota, in CPUs, of every control group around this process (cgroups(7); cpu.max in v2, cpu.cfs_quota_us in v1)."""
    memberships = (_read(cgroup_file) or "").splitlines()
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = os.path.join(root, controllers and "cpu")
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            group = os.path.join(base, *parts[:depth])
            quota = _read_v1(group) if controllers else _read_v2(group)
            if quota is not None:
                yield quota


def _read_v2(group: str) -> Optional[float]:
    words = (_read(os.path.join(group, "cpu.max")) or "max").split()
    return None if words[0] == "max" else int(words[0]) / int(words[1])


def _read_v1(group: str) -> Optional[float]:
    quota, period = _read(os.path.join(group, "cpu.cfs_quota_us")), _read(os.path.join(group, "cpu.cfs_period_us"))
    return None if quota is None or period is None or int(quota) <= 0 else int(quota) / int(period)


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:  # no such group here, or no Linux
        return None
