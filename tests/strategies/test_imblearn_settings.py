"""Samplers and their parameters as text: canonical, checked by imbalanced-learn, refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import SMALL, Call
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import EditedNearestNeighbours

from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.store import safe_name
from imbalance_bench.strategies import create
from imbalance_bench.strategies.imblearn_settings import find, make, parameters, samplers, usable
from imbalance_bench.strategies.registry import create_list


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("imblearn:SMOTE", "imblearn:SMOTE"),
        ("imblearn:smoteenn", "imblearn:SMOTEENN"),
        ("imblearn:SMOTE:k_neighbors=5,sampling_strategy=auto", "imblearn:SMOTE"),
        ("imblearn:SMOTE:sampling_strategy=Not Majority", "imblearn:SMOTE:sampling_strategy=not majority"),
        ("imblearn:NearMiss:version=2,n-neighbors=1", "imblearn:NearMiss:n_neighbors=1,version=2"),
        ("imblearn:SMOTE:sampling_strategy=1.0", "imblearn:SMOTE:sampling_strategy=1"),
        ("imblearn:RandomOverSampler:shrinkage=.50", "imblearn:RandomOverSampler:shrinkage=0.5"),
        ("imblearn:RandomOverSampler:shrinkage=None", "imblearn:RandomOverSampler"),
        ("imblearn:RandomUnderSampler:replacement=True", "imblearn:RandomUnderSampler:replacement=true"),
        ("imblearn:AllKNN:allow_minority=false,kind_sel=MODE", "imblearn:AllKNN:kind_sel=mode"),
        ("imblearn:OneSidedSelection:n_neighbors=none", "imblearn:OneSidedSelection"),
        ("imblearn:KMeansSMOTE:density_exponent=1e+0", "imblearn:KMeansSMOTE:density_exponent=1"),
        ("imblearn:TomekLinks:sampling_strategy=0/2", "imblearn:TomekLinks:sampling_strategy=0/2"),
        ("imblearn:TomekLinks:sampling_strategy=1/", "imblearn:TomekLinks:sampling_strategy=1/"),
        (
            "imblearn:SMOTEENN:smote__k_neighbors=2,enn__n_neighbors=3",
            "imblearn:SMOTEENN:smote__k_neighbors=2",
        ),
    ],
)
def test_canonical_specs(text: str, spec: str) -> None:
    strategy = create(text)
    assert strategy.spec == spec
    assert create(spec) == strategy
    assert hash(create(spec)) == hash(strategy)


def test_values_from_python() -> None:
    assert create("imblearn:SMOTE", k_neighbors=np.int64(3)).spec == "imblearn:SMOTE:k_neighbors=3"
    both = create("imblearn:smote+focal", k_neighbors=3, sampling_strategy=0.5, gamma=1)
    assert both.spec == "imblearn:SMOTE:k_neighbors=3,sampling_strategy=0.5+focal:gamma=1"
    assert create("imblearn:TomekLinks", sampling_strategy=[0, 2]).spec.endswith("=0/2")
    assert create("imblearn:RandomUnderSampler", replacement=True).spec.endswith("replacement=true")


def test_lists_compositions_and_folder_names() -> None:
    text = "ce,imblearn:SMOTE:k_neighbors=3,focal,imblearn:NearMiss:version=3,n_neighbors=2+focal:gamma=1"
    specs = [strategy.spec for strategy in create_list(text)]
    assert specs == [
        "cross-entropy",
        "imblearn:SMOTE:k_neighbors=3",
        "focal",
        "imblearn:NearMiss:n_neighbors=2,version=3+focal:gamma=1",
    ]
    assert safe_name(specs[1]) == "imblearn_SMOTE_k_neighbors=3"
    with pytest.raises(RequestError, match="both set which rows are drawn"):
        create("imblearn:SMOTE+undersample")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("imblearn", r"name of a sampler after a colon, as in imblearn:SMOTE .*available are: ADASYN, "),
        ("imblearn:k_neighbors=3", "name of a sampler after a colon"),
        ("imblearn:SMOT", r"no sampler 'SMOT'; available are: ADASYN.*TomekLinks\. Did you mean 'SMOTE'"),
        ("imblearn:smotetomec", "Did you mean 'SMOTETomek'"),
        ("imblearn:SMOTENC", "SMOTENC can't be used: it is made for categorical features"),
        ("imblearn:SMOTEN", "categorical features"),
        ("imblearn:FunctionSampler", "runs a function, which text can't give"),
        ("imblearn:SMOTE:random_state=1", "takes no random_state: it follows from the seed of the run"),
        ("imblearn:SMOTETomek:smote__random_state=1", "follows from the seed"),
        ("imblearn:NearMiss:n_jobs=2", "takes no n_jobs: it changes no number"),
        ("imblearn:SMOTE:k=3", "has no parameter 'k'; it takes: k_neighbors, sampling_strategy"),
        ("imblearn:SMOTE:k_neighbours=3", "Did you mean 'k_neighbors'"),
        ("imblearn:SMOTEENN:smote=SMOTE", "takes no smote: it would have to be an object"),
        ("imblearn:SMOTEENN:smote__sampling_strategy=all", ": sampling_strategy sets it"),
        ("imblearn:ClusterCentroids:estimator=KMeans", "would have to be an object, which text can't give"),
        ("imblearn:SMOTE:k_neighbors=0", r"k_neighbors is '0'; allowed: an int in the range \[1, inf\)\."),
        ("imblearn:SMOTE:k_neighbors=3.5", r"allowed: an int"),
        ("imblearn:SMOTE:k_neighbors=true", r"k_neighbors is 'true'; allowed: an int"),
        ("imblearn:SMOTE:k_neighbors=none", r"allowed: an int in the range \[1, inf\)\."),
        ("imblearn:SMOTE:k_neighbors=1/2", r"k_neighbors is '1/2'"),
        ("imblearn:SMOTE:sampling_strategy=1e999", "sampling_strategy is '1e999'"),
        ("imblearn:SMOTE:sampling_strategy=1.5", r"a float in the range \(0.0, 1.0\] or 'all' or 'auto'"),
        ("imblearn:SMOTE:sampling_strategy=majority", "'minority' or 'not majority' or 'not minority'"),
        ("imblearn:NearMiss:sampling_strategy=minority", "or 'majority' or 'not majority'"),
        ("imblearn:NearMiss:sampling_strategy=0/1", "sampling_strategy is '0/1'"),
        ("imblearn:TomekLinks:sampling_strategy=a/b", "classes by number, as 0/2 or 1/"),
        ("imblearn:TomekLinks:sampling_strategy=/", "classes by number"),
        ("imblearn:RandomUnderSampler:replacement=1", "replacement is '1'; allowed: true or false"),
        ("imblearn:RandomOverSampler:shrinkage=-1", r"in the range \[0\.0, inf\) or none"),
        ("imblearn:InstanceHardnessThreshold:cv=1", "cv is '1'; allowed: a whole number from 2 on"),
        ("imblearn:KMeansSMOTE:density_exponent=x", "allowed: 'auto' or a number"),
        ("imblearn:SMOTEENN:enn__kind_sel=some", "enn__kind_sel is 'some'; allowed: 'all' or 'mode'"),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        create(text)


@pytest.mark.parametrize("value", [{0: 10}, len, SMOTE(), float("nan"), [], [True]], ids=repr)
def test_objects_are_refused(value: Any) -> None:
    with pytest.raises(RequestError, match=r"sampling_strategy is .*; allowed: "):
        create("imblearn:TomekLinks", sampling_strategy=value)


def test_every_parameter_offered_is_described() -> None:
    assert set(samplers()) - set(usable()) == {"FunctionSampler", "SMOTEN", "SMOTENC"}
    assert parameters(find("SMOTETomek")) == (
        "sampling_strategy", "smote__k_neighbors", "tomek__sampling_strategy",
    )  # fmt: skip
    for name in usable():
        assert set(parameters(find(name))).isdisjoint({"random_state", "n_jobs", "estimator", "smote"})
        for parameter in parameters(find(name)):
            with pytest.raises(RequestError, match=f"{parameter} is .*; allowed: [^.]"):
                create(f"imblearn:{name}", **{parameter: object()})


def test_parts_stay_as_the_library_would_make_them() -> None:
    settings = (("enn__n_neighbors", 2), ("sampling_strategy", "all"), ("smote__k_neighbors", 4))
    found = make(find("SMOTEENN"), settings)
    assert repr(found.smote) == repr(SMOTE(sampling_strategy="all", k_neighbors=4))
    assert repr(found.enn) == repr(EditedNearestNeighbours(sampling_strategy="all", n_neighbors=2))


def test_parameters_as_flags(call: Call) -> None:
    ended = call("run", "--strategy=imblearn:NearMiss", "--n-neighbors", "2", *SMALL, "--format=json")
    assert ended.status == 0, ended.err
    assert '"strategy": "imblearn:NearMiss:n_neighbors=2"' in ended.out
    ended = call("run", "--strategy=imblearn:NearMiss", "--n-neighbours=2", *SMALL)
    assert ended.status == 2
    assert "Did you mean '--n-neighbors'" in ended.err


def test_it_is_listed_with_how_to_write_it(call: Call) -> None:
    ended = call("list", "strategies", "imblearn")
    assert ended.status == 0
    assert "imblearn:SMOTEENN" in ended.out
    assert "JMLR" in ended.out
