"""What a model gains from several devices; run by devices.sh."""

from contextlib import ExitStack

from sharing import CAMERA, HERE, arguments, measure_at, p95, print_rounds, worker

# Small frames: the clients run on the same cores.
FILE = ("--test-pattern", "256x192@1000", "--every-frame", "--max-frames", "1000000")
ONE_THREAD = ("--threads", "1", "--device")


def rate(model, seconds, *workers, streams):
    """Frames a second in all of so many files at each of these workers."""
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(*options, model=model)) for options in workers]
        poses = measure_at([(url, FILE) for url in urls for _ in range(streams)], seconds)
    return sum(len(of_one) for of_one in poses) / seconds


def camera_age(model, seconds, *options):
    """The age of a camera's poses, p95, ms."""
    with worker(*options, model=model) as url:
        (poses,) = measure_at([(url, CAMERA)], seconds)
    return p95([age for _, age, _ in poses])


def figures(*run):
    one = rate(*run, (*ONE_THREAD, "cpu"), streams=2)
    yield "`--device cpu`, 2 files, frames/s", one
    yield "`--device cpu,cpu` / `cpu`, 2 files", rate(*run, (*ONE_THREAD, "cpu,cpu"), streams=2) / one
    alone = rate(*run, (*ONE_THREAD, "cpu"), streams=1)
    yield "`--device cpu,cpu` / `cpu`, 1 file", rate(*run, (*ONE_THREAD, "cpu,cpu"), streams=1) / alone
    two = rate(*run, (*ONE_THREAD, "cpu"), (*ONE_THREAD, "cpu"), streams=1)
    yield "two workers `--device cpu` / one, 1 file each", two / alone
    yield "camera, `--device cpu`, age p95, ms", camera_age(*run, *ONE_THREAD, "cpu")
    yield "camera, `--device cpu,cpu`, age p95, ms", camera_age(*run, *ONE_THREAD, "cpu,cpu")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--model", default=str(HERE.parents[1] / "examples" / "demo" / "model"))
    args = parser.parse_args()
    print_rounds("one thread a session", args, lambda: figures(args.model, args.seconds))


if __name__ == "__main__":
    main()
