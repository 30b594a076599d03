"""Office for National Statistics: look-ups, names, boundaries, census counts, rural and urban classes.

Look-ups and boundaries cover England and Wales, or the United Kingdom; nothing is left out here. A study keeps the areas that it wants
with ``[areas] only``.
"""

from __future__ import annotations

from wardmote.sources.catalogue import (
    OGL,
    Entry,
    File,
    Form,
    Layout,
    Link,
    Place,
    arcgis,
)

_ONS = "Office for National Statistics"
_PORTAL = "https://geoportal.statistics.gov.uk/"
_MIRROR = "geography/lookups/"


def _lookup(title: str, vintage: str, publisher: File | None, mirror: File, note: str = "") -> Entry:
    """Return the entry of a look-up."""
    forms = (Form("mirror", (mirror,)),)
    if publisher is not None:
        return Entry(
            title,
            _ONS,
            OGL,
            "open",
            vintage,
            (Form("publisher", (publisher,)), *forms),
            page=_PORTAL,
            note=note,
        )
    return Entry(title, _ONS, OGL, "open", vintage, forms, page=_PORTAL, note=note)


def _pair(
    small: Place, large: Place, *, split: bool = False, base: str = "", other_levels: bool = False
) -> Layout:
    """Return the layout of a look-up from one level to another."""
    return Layout(
        places=(small, large),
        links=(Link(small.level, large.level, base=base, split=split),),
        rows="distinct",
        loose=True,
        other_levels="drop" if other_levels else "refuse",
    )


_WARD24 = "LSOA21_WD24_LAD24_EW_LU"
_WARD_LINKS = (Link("lsoa21", "ward24"), Link("lsoa21", "lad24"), Link("ward24", "lad24"))

LOOKUPS: dict[str, Entry] = {
    "lsoa21-msoa21": _lookup(
        "LSOA 2021 to MSOA 2021, exact fit",
        "2021",
        File(
            "https://open-geography-portalx-ons.hub.arcgis.com/api/download/v1/items/"
            "b9ca90c10aaa4b8d9791e9859a38ca67/csv?layers=0",
            _pair(Place("lsoa21", "LSOA21CD", "LSOA21NM"), Place("msoa21", "MSOA21CD", "MSOA21NM")),
            "csv",
            name="oa21_lsoa21_msoa21_lad22.csv",
        ),
        File(
            _MIRROR + "lookup_lsoa21_msoa21_lad22_rgn22_ew.parquet",
            _pair(Place("lsoa21", "LSOA21CD", "LSOA21NM"), Place("msoa21", "MSOA21CD", "MSOA21NM")),
        ),
        "The publisher's file starts from output areas (OA21): each LSOA stands on several rows, which are taken once.",
    ),
    "lsoa21-ward24-lad24": _lookup(
        "LSOA 2021 to ward 2024 (best fit) and local authority 2024",
        "2024",
        File(
            arcgis(_WARD24),
            Layout(
                (
                    Place("lsoa21", "LSOA21CD", "LSOA21NM"),
                    Place("ward24", "WD24CD", "WD24NM"),
                    Place("lad24", "LAD24CD", "LAD24NM"),
                ),
                _WARD_LINKS,
                rows="distinct",
                loose=True,
            ),
            "geojson",
            name="lsoa21_ward24_lad24.geojson",
            paged=True,
        ),
        File(
            _MIRROR + "lookup_lsoa21_ward24_ltla24.parquet",
            Layout(
                (
                    Place("lsoa21", "lsoa21_code", "lsoa21_name"),
                    Place("ward24", "ward24_code", "ward24_name"),
                    Place("lad24", "ltla24_code", "ltla24_name"),
                ),
                _WARD_LINKS,
                rows="distinct",
                loose=True,
            ),
        ),
        "Wards are a best fit: an LSOA that crosses wards goes to the one that holds most of its people.",
    ),
    "lad24-rgn24": _lookup(
        "Local authority 2024 to region 2024, England",
        "2024",
        File(
            arcgis("LAD24_RGN24_EN_LU"),
            _pair(Place("lad24", "LAD24CD", "LAD24NM"), Place("rgn24", "RGN24CD", "RGN24NM")),
            "geojson",
            name="lad24_rgn24.geojson",
            paged=True,
        ),
        File(
            _MIRROR + "lookup_ltla24_region24.csv",
            _pair(
                Place("lad24", "ltla24_code", "ltla24_name"), Place("rgn24", "region24_code", "region24_name")
            ),
            "csv",
        ),
    ),
    "lsoa11-msoa11": _lookup(
        "LSOA 2011 to MSOA 2011",
        "2011",
        File(
            "https://opendata.arcgis.com/datasets/fe6c55f0924b4734adf1cf7104a0173e_0.csv",
            _pair(
                Place("lsoa11", "LSOA11CD", "LSOA11NM"),
                Place("msoa11", "MSOA11CD", "MSOA11NM"),
                other_levels=True,
            ),
            "csv",
            name="lsoa11_msoa11.csv",
        ),
        File(
            _MIRROR + "lookup_lsoa11_msoa11.parquet",
            _pair(
                Place("lsoa11", "lsoa11_code", "lsoa11_name"),
                Place("msoa11", "msoa11_code", "msoa11_name"),
                other_levels=True,
            ),
        ),
        "The mirror's file holds Scottish data zones too; they are dropped and counted.",
    ),
    "lsoa11-lad19": _lookup(
        "LSOA 2011 to local authority 2019",
        "2019",
        None,
        File(
            _MIRROR + "lookup_lsoa11_ltla19.parquet",
            _pair(
                Place("lsoa11", "lsoa11_code", "lsoa11_name"), Place("lad19", "ltla19_code", "ltla19_name")
            ),
        ),
        "File 7 of the 2019 indices (set imd-england-2019) states the same memberships for England.",
    ),
    "lad19-rgn19": _lookup(
        "Local authority 2019 to region 2019, England",
        "2019",
        None,
        File(
            _MIRROR + "lookup_ltla19_region19.csv",
            _pair(
                Place("lad19", "ltla19_code", "ltla19_name"), Place("rgn19", "region19_code", "region19_name")
            ),
            "csv",
        ),
    ),
    "lsoa11-lsoa21": _lookup(
        "LSOA 2011 to LSOA 2021 with the kind of change",
        "2021",
        File(
            "https://open-geography-portalx-ons.hub.arcgis.com/api/download/v1/items/"
            "cbfe64cc03d74af982c1afec639bafd1/csv?layers=0",
            Layout(
                (Place("lsoa11", "LSOA11CD", "LSOA11NM"), Place("lsoa21", "LSOA21CD", "LSOA21NM")),
                (Link("lsoa11", "lsoa21", base="areas", split=True),),
                rows="distinct",
                loose=True,
            ),
            "csv",
            name="lsoa11_lsoa21_lad22.csv",
        ),
        File(
            _MIRROR + "lookup_lsoa11_lsoa21_ltla22.parquet",
            Layout(
                (
                    Place("lsoa11", "lsoa11_code", "lsoa11_name"),
                    Place("lsoa21", "lsoa21_code", "lsoa21_name"),
                ),
                (Link("lsoa11", "lsoa21", base="areas", split=True),),
                rows="distinct",
                loose=True,
            ),
        ),
        "An LSOA that was split is shared out equally among its new LSOAs (base areas), since the look-up states no population. "
        "CHGIND: U unchanged, S split, M merged, X complex.",
    ),
    "msoa21-pcon24-approximate": _lookup(
        "MSOA 2021 to Westminster constituency 2024, approximate",
        "2024",
        None,
        File(
            _MIRROR + "msoa21_pcon24_approximate.csv",
            Layout(
                (Place("msoa21", "msoa21_code"), Place("pcon24", "pcon24_code", "pcon24_name")),
                (Link("msoa21", "pcon24"),),
                loose=True,
            ),
            "csv",
        ),
        "Each MSOA goes to the constituency that holds most of its people, by ultra-generalised boundaries: MSOAs on a border may stand"
        " in the wrong one. The publisher gives no look-up of MSOAs; its look-up of output areas (OA 2021 to Westminster constituency"
        " 2025) with Census residents gives the exact shares, and may stand in its place as a file of the study.",
    ),
    "msoa21-names": Entry(
        "Names of MSOAs 2021",
        "House of Commons Library",
        "Open Parliament Licence v3.0",
        "open",
        "2021",
        (
            Form(
                "publisher",
                (
                    File(
                        "https://houseofcommonslibrary.github.io/msoanames/MSOA-Names-Latest2.csv",
                        Layout((Place("msoa21", "msoa21cd", "msoa21hclnm"),), loose=True),
                        "csv",
                    ),
                ),
            ),
            Form(
                "mirror",
                (
                    File(
                        "geography/msoa21_names_centroids_ew.parquet",
                        Layout((Place("msoa21", "MSOA21CD", "MSOA21NM"),), loose=True),
                    ),
                ),
            ),
        ),
        page="https://houseofcommonslibrary.github.io/msoanames/",
        note="The publisher's names are those that residents use; the mirror holds only the names of the Office for National "
        "Statistics (authority and number).",
    ),
}
"""Look-ups between levels, and names."""


def _shapes(
    title: str,
    vintage: str,
    service: str,
    place: Place,
    mirror_file: str,
    *,
    mirror: Place,
    paged: bool = True,
) -> Entry:
    """Return the entry of a layer of boundaries."""
    publisher = File(
        arcgis(service) if paged else service,
        Layout((place,), geometry=True, loose=True),
        "geojson",
        name=f"{place.level}.geojson",
        paged=paged,
    )
    return Entry(
        title,
        _ONS,
        f"{OGL}; contains OS data © Crown copyright",
        "open",
        vintage,
        (
            Form("publisher", (publisher,)),
            Form(
                "mirror",
                (
                    File(
                        f"geography/{mirror_file}",
                        Layout((mirror,), geometry=True, loose=True),
                        "geoparquet",
                    ),
                ),
            ),
        ),
        page=_PORTAL,
        note="Generalised boundaries: good for maps and for telling neighbours, not for measuring areas.",
    )


BOUNDARIES: dict[str, Entry] = {
    "boundaries-lsoa21": _shapes(
        "LSOA 2021 boundaries, England and Wales, super generalised",
        "2021",
        "Lower_layer_Super_Output_Areas_December_2021_Boundaries_EW_BSC_V4",
        Place("lsoa21", "LSOA21CD", "LSOA21NM"),
        "boundaries_lsoa21.parquet",
        mirror=Place("lsoa21", "lsoa21_code", "lsoa21_name"),
    ),
    "boundaries-msoa21": _shapes(
        "MSOA 2021 boundaries, England and Wales, super generalised",
        "2021",
        "MSOA_2021_EW_BSC_V2",
        Place("msoa21", "MSOA21CD", "MSOA21NM"),
        "boundaries_msoa21.parquet",
        mirror=Place("msoa21", "msoa21_code", "msoa21_name"),
    ),
    "boundaries-lad24": _shapes(
        "Local authority boundaries, May 2024, United Kingdom, ultra generalised",
        "2024",
        "Local_Authority_Districts_May_2024_Boundaries_UK_BUC",
        Place("lad24", "LAD24CD", "LAD24NM"),
        "boundaries_ltla24.parquet",
        mirror=Place("lad24", "ltla24_code", "ltla24_name"),
    ),
    "boundaries-lsoa11": _shapes(
        "LSOA 2011 boundaries, England and Wales, super generalised",
        "2011",
        "https://opendata.arcgis.com/datasets/e9d10c36ebed4ff3865c4389c2c98827_0.geojson",
        Place("lsoa11", "LSOA11CD", "LSOA11NM"),
        "boundaries_lsoa11.parquet",
        mirror=Place("lsoa11", "lsoa11_code", "lsoa11_name"),
        paged=False,
    ),
    "boundaries-msoa11": _shapes(
        "MSOA 2011 boundaries, England and Wales, super generalised",
        "2011",
        "https://opendata.arcgis.com/datasets/80223f1d571c405fb2fdf719c7e6da13_0.geojson",
        Place("msoa11", "MSOA11CD", "MSOA11NM"),
        "boundaries_msoa11.parquet",
        mirror=Place("msoa11", "msoa11_code", "msoa11_name"),
        paged=False,
    ),
    "boundaries-lad19": Entry(
        "Local authority boundaries 2019, United Kingdom",
        _ONS,
        f"{OGL}; contains OS data © Crown copyright",
        "open",
        "2019",
        (
            Form(
                "mirror",
                (
                    File(
                        "geography/boundaries_ltla19.parquet",
                        Layout((Place("lad19", "ltla19_code", "ltla19_name"),), geometry=True, loose=True),
                        "geoparquet",
                    ),
                ),
            ),
        ),
        page=_PORTAL,
        note="Generalised boundaries: good for maps and for telling neighbours, not for measuring areas.",
    ),
    "boundaries-ward21": Entry(
        "Ward boundaries 2021, United Kingdom",
        _ONS,
        f"{OGL}; contains OS data © Crown copyright",
        "open",
        "2021",
        (
            Form(
                "mirror",
                (
                    File(
                        "geography/boundaries_wards21.parquet",
                        Layout((Place("ward21", "ward21_code", "ward21_name"),), geometry=True, loose=True),
                        "geoparquet",
                    ),
                ),
            ),
        ),
        page=_PORTAL,
        note="Generalised boundaries: good for maps and for telling neighbours, not for measuring areas.",
    ),
}
"""Boundaries."""


def _census_table(number: str, sha256: str, size: int, layout: Layout) -> Form:
    """Return the publisher's form of a Census 2021 table of the topic summaries."""
    stem = f"census2021-{number}"
    return Form(
        "publisher",
        (
            File(
                f"https://www.nomisweb.co.uk/output/census/2021/{stem}.zip",
                layout,
                "csv",
                name=f"{stem}.zip",
                member=f"{stem}-lsoa.csv",
                sha256=sha256,
                size=size,
            ),
        ),
    )


PEOPLE: dict[str, Entry] = {
    "census-2021-population": Entry(
        "Census 2021: usual residents by LSOA",
        _ONS,
        OGL,
        "open",
        "Census 2021",
        (
            _census_table(
                "ts001",
                "b724c1208b7628c7c558156fcc619446486353a12d0b6e0bf388add225653dc6",
                1_870_128,
                Layout(
                    (Place("lsoa21", "geography code"),),
                    population="Residence type: Total; measures: Value",
                    loose=True,
                ),
            ),
            Form(
                "mirror",
                (
                    File(
                        "geography/population/ethnicity21_lsoa21.parquet",
                        Layout((Place("lsoa21", "lsoa21_code"),), population="n", rows="sum", loose=True),
                    ),
                ),
            ),
        ),
        period="2021-03-21",
        page="https://www.nomisweb.co.uk/sources/census_2021",
        note="The mirror's figure is the sum of the counts by ethnic group, which differs from the table of residents by a few "
        "people here and there, since small counts are perturbed.",
    ),
    "census-2021-households": Entry(
        "Census 2021: households by LSOA",
        _ONS,
        OGL,
        "open",
        "Census 2021",
        (
            _census_table(
                "ts041",
                "e4f11fc0ea22393fe3be444027878e67b51d2a44687e122c37439d19a548cb9f",
                1_511_641,
                Layout(
                    (Place("lsoa21", "geography code"),),
                    households="Number of households",
                    loose=True,
                ),
            ),
            Form(
                "mirror",
                (
                    File(
                        "geography/population/household_deprivation21_lsoa21.parquet",
                        Layout((Place("lsoa21", "lsoa21_code"),), households="n", rows="sum", loose=True),
                    ),
                ),
            ),
        ),
        period="2021-03-21",
        page="https://www.nomisweb.co.uk/sources/census_2021",
        note="The mirror's figure is the sum of the counts by dimensions of household deprivation, which differs slightly from the "
        "table of households, since small counts are perturbed.",
    ),
    "population-mid-2020": Entry(
        "Mid-2020 population estimates by LSOA 2011",
        _ONS,
        OGL,
        "open",
        "mid-2020",
        (
            Form(
                "mirror",
                (
                    File(
                        "geography/population/population_mid2020_lsoa11_single_year_age.parquet",
                        Layout(
                            (Place("lsoa11", "lsoa11_code", "lsoa11_name"),),
                            population="total_population",
                            loose=True,
                        ),
                    ),
                ),
            ),
        ),
        period="2020-06-30",
        page="https://www.ons.gov.uk/peoplepopulationandcommunity/populationandmigration/populationestimates",
    ),
}
"""Counts of people and households."""


def _rural_urban(scheme: str, level: str, publisher: File | None, mirror: str, years: str) -> Entry:
    """Return the entry of a rural-urban classification."""
    layout = Layout(
        (Place(level, f"{level}_code"),),
        classes=((scheme, "classification"), (f"{scheme}-rural", "ruc")),
        loose=True,
    )
    forms = (Form("mirror", (File(_MIRROR + mirror, layout),)),)
    return Entry(
        f"Rural-urban classification {years} of LSOAs",
        _ONS,
        OGL,
        "open",
        years,
        ((Form("publisher", (publisher,)),) if publisher else ()) + forms,
        page=_PORTAL,
        note=f"Scheme {scheme} holds the classes; {scheme}-rural only Rural or Urban.",
    )


CLASSES: dict[str, Entry] = {
    "rural-urban-2021": _rural_urban(
        "ruc21",
        "lsoa21",
        File(
            arcgis("LSOA21_RUC21_EW_LU"),
            Layout(
                (Place("lsoa21", "LSOA21CD"),),
                classes=(("ruc21", "RUC21NM"), ("ruc21-rural", "Urban_rural_flag")),
                loose=True,
            ),
            "geojson",
            name="lsoa21_ruc21.geojson",
            paged=True,
        ),
        "ruc21_lsoa21.parquet",
        "2021",
    ),
    "rural-urban-2011": _rural_urban("ruc11", "lsoa11", None, "ruc11_lsoa11.parquet", "2011"),
}
"""Classifications."""

SOURCES: dict[str, Entry] = {**LOOKUPS, **BOUNDARIES, **PEOPLE, **CLASSES}
"""All sets of the Office for National Statistics, by name."""
