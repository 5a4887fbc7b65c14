"""Runs programs and daemons, and measures what they take: time, CPU time, peak memory.

A program's figures come from wait4(2), and so include the programs that it starts and waits for. Those of a daemon
come from /proc, before and after the work that it does for its client.
"""

import contextlib
import ctypes
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)
STOP_SECONDS = 30
START_SECONDS = 60


class Failure(Exception):
    """A program failed, or did not do what it was asked for."""


def call(command, **options):
    """Runs a program that prepares something, and is not measured."""
    try:
        done = subprocess.run(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, **options
        )
    except FileNotFoundError as error:
        raise Failure(f"{command[0]}: not found") from error
    if done.returncode:
        raise Failure(f"{command[0]}: exit code {done.returncode}")


def ask(command):
    """The first line that a program prints, such as its version."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout.strip().splitlines()[0].strip()


@dataclasses.dataclass
class Usage:
    """What some work took: seconds, CPU seconds of all processes, peak memory in MiB."""

    elapsed: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0


def clean_environment(state, tools):
    """The environment of a program: nothing of the machine's configuration takes part, and `state` is its home."""
    names = (
        "AWS_",
        "CONSIGN_",
        "ACTIONS_",
        "GITHUB_",
        "SOURCE_DATE_EPOCH",
        "DOCKER_",
        "BUILDKIT_",
        "XDG_",
        "REGISTRY_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    for folder in ("home", "tmp"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    return kept | {
        "HOME": str(state / "home"),
        "TMPDIR": str(state / "tmp"),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def find(program, tools):
    """Where `program` is: among the tools that the benchmark installed, else on the machine; or None."""
    places = os.pathsep.join([str(tools), os.environ["PATH"], "/usr/sbin", "/sbin"])
    return shutil.which(program, path=places)


# A process inherits its parent's memory until it becomes another program, and the kernel counts that too. So the
# parent of what is measured is an interpreter without any modules, which has 9 MiB: less cannot be measured.
# The commands of a pipeline are separated by `|`; their CPU time and their peaks are added, as they run together.
LAUNCHER = """
import os, sys, time
commands, source, pids = [[]], 0, []
for word in sys.argv[2:]:
    commands.append([]) if word == "|" else commands[-1].append(word)
started = time.monotonic()
for number, command in enumerate(commands):
    following, sink = os.pipe() if number + 1 < len(commands) else (0, 1)
    moves = [(os.POSIX_SPAWN_DUP2, end, place) for end, place in ((source, 0), (sink, 1)) if end != place]
    pids.append(os.posix_spawn(command[0], command, os.environ, file_actions=moves))
    for end in (source, sink):
        if end > 2:
            os.close(end)
    source = following
ended = [os.wait4(pid, 0) for pid in pids]
elapsed = time.monotonic() - started
code = max(abs(os.waitstatus_to_exitcode(status)) for _, status, _ in ended)
cpu = sum(usage.ru_utime + usage.ru_stime for _, _, usage in ended)
peak = sum(usage.ru_maxrss for _, _, usage in ended)
with open(sys.argv[1], "w") as file:
    print(code, elapsed, cpu, peak, file=file)
"""


def run(pipeline, environment):
    """Runs the commands of `pipeline`, each into the next; gives their Usage. Raises Failure if one of them fails."""
    usage = pathlib.Path(environment["TMPDIR"]) / "usage"
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(usage)]
    for number, command in enumerate(pipeline):
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            raise Failure(f"{command[0]}: not found")
        launcher += (["|"] if number else []) + [program, *map(str, command[1:])]
    errors = finish(launcher, environment)
    code, elapsed, cpu, peak = usage.read_text().split()
    usage.unlink()
    if code != "0":
        names = " | ".join(pathlib.PurePath(command[0]).name for command in pipeline)
        raise Failure(f"{names}: exit code {code}\n{shown(pipeline)}\n{errors[-2000:]}")
    return Usage(float(elapsed), float(cpu), float(peak) / 1024)


def shown(pipeline):
    return " | ".join(" ".join(map(str, command)) for command in pipeline)


def finish(command, environment):
    """Runs a program to its end; should the benchmark be ended, then with all that it started. Gives its errors."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        errors = process.communicate()[1]
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise Failure(f"{command[0]}: {errors}")
    return errors


def run_steps(steps, environment):
    """Runs pipelines one after the other: times add up, and the peak is that of the step with the highest."""
    total = Usage()
    for pipeline in steps:
        usage = run(pipeline, environment)
        total.elapsed += usage.elapsed
        total.cpu += usage.cpu
        total.peak = max(total.peak, usage.peak)
    return total


def die_with_parent():
    """Asks the kernel to end this process when the benchmark is killed (PR_SET_PDEATHSIG)."""
    LIBC.prctl(1, signal.SIGTERM)


@contextlib.contextmanager
def daemon(command, environment, log, ready):
    """A daemon, started when `ready()` says so; it is stopped in the end, whatever happens. Gives its process id."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the benchmark, which then stops its daemons in order.
            preexec_fn=die_with_parent,
        )
    try:
        wait_until(ready, process, log)
        yield process.pid
    finally:
        stop(process)


def wait_until(ready, process, log):
    limit = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > limit:
            text = pathlib.Path(log).read_text(errors="replace")
            raise Failure(f"{process.args[0]} does not start:\n{text[-2000:]}")
        time.sleep(0.05)


def stop(process):
    """Ends a daemon and all that it started: by a request, then by force."""
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid, started in family.items():
        if pid != process.pid and start_time(pid) == started:
            os.kill(pid, signal.SIGKILL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port):
    """Whether something listens at a port of loopback."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def process_fields(pid):
    """The fields of /proc/PID/stat after the name, from the state (field 3) on; None if there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def start_time(pid):
    fields = process_fields(pid)
    return fields and fields[19]


def descendants(pid):
    """The process, its children, their children and so on: ids and when they were started."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := process_fields(name)):
            parents[int(name)] = (int(fields[1]), fields[19])
    family = {pid: parents[pid][1]} if pid in parents else {}
    while found := {child: started for child, (parent, started) in parents.items() if parent in family} | family:
        if len(found) == len(family):
            break
        family = found
    return family


def cpu_seconds(pids):
    """CPU seconds of processes and of those that they waited for."""
    fields = [process_fields(pid) for pid in pids]
    return sum(int(value) for each in fields if each for value in each[11:15]) / TICKS


def reset_peak(pids):
    """Makes the kernel count the peak memory of processes anew, from what they hold now."""
    for pid in pids:
        with contextlib.suppress(OSError):
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory(pids):
    """The peaks of processes since `reset_peak`, added up, in MiB."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1])
    return total / 1024


@contextlib.contextmanager
def counting(pid, usage):
    """Adds to `usage` what the daemon `pid` (None: there is none) takes while the block runs."""
    before = descendants(pid) if pid else {}
    start = cpu_seconds(before)
    reset_peak(before)
    yield
    after = descendants(pid) if pid else {}
    usage.cpu += cpu_seconds(after) - start
    usage.peak += peak_memory(after)


def unmount_below(folder):
    """Unmounts what a tool left mounted below `folder`, the innermost first."""
    mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [point for point in mounts if point.startswith(f"{folder}/")]
    for point in sorted(below, key=len, reverse=True):
        subprocess.run(["umount", point], check=False, stderr=subprocess.DEVNULL)
