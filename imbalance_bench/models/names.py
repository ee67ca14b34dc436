"""The names of the models with a line each, for lists and checks that must not import torch."""

from __future__ import annotations

from imbalance_bench.errors import RequestError, nearest

MODELS = {
    "small-cnn": "three convolutions (16, 32, 64) with batch normalisation; any image size",
    "resnet32": "the residual network of He et al. (2016) for CIFAR, 0.46 M parameters; any image size",
}
TORCHVISION = "torchvision"
TORCHVISION_SUMMARY = (
    "every classifier of torchvision.models by its own name, with fresh weights: resnet18, densenet121, "
    "convnext_tiny, vit_b_16 and more; `imbench list models torchvision` shows all"
)


def check_name(name: str) -> None:
    """RequestError for a model that is not known; torchvision is imported for a name that is none of ours."""
    if name in MODELS:
        return
    known = torchvision_names()
    if name not in known:
        raise RequestError(
            f"there is no model {name!r}; known are: {', '.join(MODELS)} and the classifiers of torchvision "
            f"(`imbench list models {TORCHVISION}`).{nearest(name, [*MODELS, *known])}"
        )


def torchvision_names() -> list[str]:
    """The names of all classifiers of torchvision.models."""
    from torchvision import models

    return list(models.list_models(module=models))


def torchvision_summary(name: str) -> tuple[str, str | None]:
    """A line about a network of torchvision and the address of its paper, from torchvision's own words."""
    import inspect
    import re

    from torchvision.models import get_model_builder, get_model_weights

    text = " ".join((inspect.getdoc(get_model_builder(name)) or name).split("\n\n")[0].split())
    link = re.compile(r"`(?P<title>[^`]+?) <(?P<address>[^`<>]+)>`_+")
    paper = link.search(text)
    summary = link.sub(r"\g<title>", text).rstrip(".")
    published = [weights.meta["num_params"] for weights in get_model_weights(name)]
    if published:
        summary += f"; {published[0] / 1e6:.1f} M parameters at 1000 classes"
    return summary, paper["address"] if paper else None
