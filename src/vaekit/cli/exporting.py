"""`vaekit export`: a run's model in a form for others."""

from vaekit.cli.parsing import add_run, parse_words, parser, run_of


def export_command(words: list[str]) -> None:
    """Export a run."""
    made = parser(
        "export",
        "RUN --to onnx|torch|hub",
        "Write a run's encoder and decoder as files that need no vaekit, with the scaling of "
        "pixels and table columns and the condition inside, for batches of any size; each file is "
        "held against the model at once. Or write a folder for a model hub.",
        "vaekit export runs/mnist --to onnx --out exported/",
    )
    add_run(made)
    made.add_argument(
        "--to",
        type=str,
        default="onnx",
        help="onnx: encoder.onnx, decoder.onnx (needs pip install 'vaekit[onnx]'); torch: the same "
        "as .pt2 of torch.export; hub: model.safetensors, run.yaml and a model card, README.md",
    )
    made.add_argument("--out", type=str, default=None, help="the folder; default RUN/onnx, …")
    made.add_argument(
        "--pixels",
        type=str,
        default="bytes",
        help="what pictures within [0, 1] are given as: bytes, 0 to 255, or floats",
    )
    made.add_argument(
        "--license", type=str, default="unknown", help="of the weights, for the model card"
    )
    made.add_argument("--force", action="store_true", help="write into a folder that is there")
    options = parse_words(made, words)
    run = run_of(options)
    done = run.export(options.to, options.out, options.force, options.pixels, options.license)
    print(f"{done.folder}: {', '.join(done.files)}")
    if done.difference is not None:
        print(f"largest relative difference from the model: {done.difference:.1e}")
