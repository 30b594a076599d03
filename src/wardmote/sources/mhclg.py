"""Ministry of Housing, Communities and Local Government: the English indices of deprivation.

The files of the 2025 indices were corrected on 17 to 19 November 2025; the addresses are those of the corrected files. A score rises
with need; a published rank has direction −1, since rank 1 is the greatest need. Deciles are not read: they follow from ranks.
"""

from __future__ import annotations

from dataclasses import replace

from wardmote.sources.catalogue import OGL, Entry, Field, File, Form, Layout, Link, Measure, Place

_PUBLISHER = "Ministry of Housing, Communities and Local Government"
_PUBLISHER_2019 = "Ministry of Housing, Communities & Local Government"
_PAGE_2025 = "https://www.gov.uk/government/statistics/english-indices-of-deprivation-2025"
_PAGE_2019 = "https://www.gov.uk/government/statistics/english-indices-of-deprivation-2019"
_MEDIA = "https://assets.publishing.service.gov.uk/media"
_UPLOADS = "https://assets.publishing.service.gov.uk/government/uploads/system/uploads/attachment_data/file"
_LSOA21 = Place("lsoa21", "LSOA code (2021)", "LSOA name (2021)")
_LAD24 = Place("lad24", "Local Authority District code (2024)", "Local Authority District name (2024)")
_LSOA11 = Place("lsoa11", "LSOA code (2011)", "LSOA name (2011)")
_LAD19 = Place("lad19", "Local Authority District code (2019)", "Local Authority District name (2019)")

# Node of the index, title, header in File 7 without its ending, and the unit of the score.
_DOMAINS = (
    ("", "Index of Multiple Deprivation", "Index of Multiple Deprivation (IMD)", "score"),
    ("income", "Income deprivation", "Income", "share of people"),
    ("employment", "Employment deprivation", "Employment", "share of working-age people"),
    ("education", "Education, skills and training deprivation", "Education, Skills and Training", "score"),
    ("health", "Health deprivation and disability", "Health Deprivation and Disability", "score"),
    ("crime", "Crime", "Crime", "score"),
    ("barriers", "Barriers to housing and services", "Barriers to Housing and Services", "score"),
    ("living-environment", "Living environment deprivation", "Living Environment", "score"),
)
_SUBDOMAINS = (
    (
        "children-and-young-people",
        "Children and young people",
        "Children and Young People Sub-domain",
        "score",
    ),
    ("adult-skills", "Adult skills", "Adult Skills Sub-domain", "score"),
    ("geographical-barriers", "Geographical barriers", "Geographical Barriers Sub-domain", "score"),
    ("wider-barriers", "Wider barriers", "Wider Barriers Sub-domain", "score"),
    ("indoors", "Indoors living environment", "Indoors Sub-domain", "score"),
    ("outdoors", "Outdoors living environment", "Outdoors Sub-domain", "score"),
)
_SUPPLEMENTS = (
    (
        "idaci",
        "Income deprivation affecting children",
        "Income Deprivation Affecting Children Index (IDACI)",
        "share of children",
    ),
    (
        "idaopi",
        "Income deprivation affecting older people",
        "Income Deprivation Affecting Older People (IDAOPI)",
        "share of older people",
    ),
)
_Node = tuple[str, str, str, str]

_DEFINITIONS = {
    "": "All seven domains together: income, employment, education, health, crime, barriers to housing and services, and living "
    "environment, each ranked, stretched at the deprived end and weighted.",
    "income": "The proportion of people who are deprived because of a low income, both those out of work and those in work.",
    "employment": "The proportion of people of working age who are kept from work against their will: by unemployment, sickness, "
    "disability or caring.",
    "education": "The lack of attainment and skills among the people of the area: of children and young people, and of adults.",
    "health": "The risk of dying early, and how far poor physical or mental health impairs the quality of life; neither behaviour nor "
    "surroundings that may lead to poor health later.",
    "crime": "The risk of becoming a victim of crime, in person or in possessions, where one lives.",
    "barriers": "How far housing and local services are out of reach, by distance or by cost.",
    "living-environment": "The quality of the surroundings: of homes indoors, and outdoors of the air and of the safety of roads.",
    "children-and-young-people": "The lack of attainment among children and young people of the area.",
    "adult-skills": "The lack of qualifications and of English among adults of working age.",
    "geographical-barriers": "How far local services are from where people live.",
    "wider-barriers": "How hard it is to come by housing: what it costs beside incomes, overcrowding, homelessness.",
    "indoors": "The quality of homes.",
    "outdoors": "The quality of the surroundings out of doors, such as the air and the safety of roads.",
    "idaci": "The proportion of children up to 15 who live in families deprived of income.",
    "idaopi": "The proportion of people aged 60 or over who are deprived of income.",
}
"""What the publisher means by each index and domain, after the technical reports of 2019 and 2025, in one sentence."""

_COUNTS = {
    "income-numerator": "The number of people who are deprived because of a low income. The income domain is this count as a share of all "
    "people, drawn towards the rate of a larger area where the count is small.",
    "idaci-numerator": "The number of children up to 15 who live in families deprived of income.",
    "idaopi-numerator": "The number of people aged 60 or over who are deprived of income.",
    "employment-numerator": "The number of people of working age who are kept from work against their will. The employment domain is this "
    "count as a share of all people of working age, drawn towards the rate of a larger area where the count is small.",
}
"""What counts among the underlying indicators mean."""


def _id(prefix: str, node: str, what: str) -> str:
    return "-".join(part for part in (prefix, node, what) if part)


def _measures(prefix: str, year: str, nodes: tuple[_Node, ...]) -> tuple[Measure, ...]:
    """Return score and rank of every node as indicators."""
    scores = tuple(
        Measure(_id(prefix, node, "score"), f"{title}: score, {year}", 1, unit, note=_DEFINITIONS[node])
        for node, title, _, unit in nodes
    )
    ranks = tuple(
        Measure(
            _id(prefix, node, "rank"),
            f"{title}: rank, {year}",
            -1,
            "rank",
            note=f"{_DEFINITIONS[node]} Areas are ranked by it: 1 is the greatest need.",
        )
        for node, title, _, _ in nodes
    )
    return scores + ranks


def _file7_fields(prefix: str, nodes: tuple[_Node, ...]) -> tuple[Field, ...]:
    """Return the columns of File 7 for scores and ranks of the nodes."""
    return tuple(
        Field(f"{header} {what.title()}", _id(prefix, node, what))
        for what in ("score", "rank")
        for node, _, header, _ in nodes
    )


def _mirror_fields(
    prefix: str, columns: dict[str, str], kinds: tuple[str, ...] = ("score", "rank")
) -> tuple[Field, ...]:
    """Return the columns of the mirror's file, named by a short stem, for scores and ranks."""
    return tuple(
        Field(f"{stem}_{what}", _id(prefix, node, what)) for what in kinds for node, stem in columns.items()
    )


_FILE7_2025 = File(
    f"{_MEDIA}/691ded56d140bbbaa59a2a7d/File_7_IoD2025_All_Ranks_Scores_Deciles_Population_Denominators.csv",
    Layout((_LSOA21, _LAD24), (Link("lsoa21", "lad24"),), loose=True, period="2025"),
    "csv",
    sha256="b1b716aa2e476449f987b9de3e08255b4794eabfd270626de5de18b2f5eff3ef",
)
_FILE7_2019 = File(
    f"{_UPLOADS}/845345/File_7_-_All_IoD2019_Scores__Ranks__Deciles_and_Population_Denominators_3.csv",
    Layout((_LSOA11, _LAD19), (Link("lsoa11", "lad19"),), loose=True, period="2019"),
    "csv",
)


def _with_fields(file: File, fields: tuple[Field, ...], *, population: str = "") -> File:
    """Return a file with other columns of values."""
    return replace(file, layout=replace(file.layout, fields=fields, population=population))


def _mirror(path: str, level: str, period: str, fields: tuple[Field, ...], *, population: str = "") -> Form:
    """Return the mirror's form with one Parquet file of the given columns."""
    code = f"{level}_code"
    layout = Layout((Place(level, code),), fields=fields, population=population, loose=True, period=period)
    return Form("mirror", (File(f"deprivation/{path}", layout),))


# Title, direction, unit, header in File 8, and identifier. Headers match the mirror's names too, since signs are not regarded.
_Indicator = tuple[str, str, int, str, str]
_INDICATORS_2025: tuple[_Indicator, ...] = (
    ("income-numerator", "People in income deprivation", 1, "people", "Income Domain numerator"),
    (
        "idaci-numerator",
        "Children in income deprivation",
        1,
        "children",
        "Income Deprivation Affecting Children Index (IDACI) numerator",
    ),
    (
        "idaopi-numerator",
        "Older people in income deprivation",
        1,
        "people",
        "Income Deprivation Affecting Older People Index (IDAOPI) numerator",
    ),
    ("employment-numerator", "People in employment deprivation", 1, "people", "Employment Domain numerator"),
    (
        "adult-skills-and-english",
        "Adults with no or low qualifications or who do not speak English well",
        1,
        "share of adults",
        "Adult skills and English language proficiency indicator",
    ),
    (
        "entry-to-higher-education",
        "Young people not entering higher education",
        1,
        "share of young people",
        "Entry to higher education indicator",
    ),
    ("acute-morbidity", "Acute morbidity", 1, "ratio", "Acute morbidity indicator"),
    (
        "comparative-illness-and-disability",
        "Comparative illness and disability ratio",
        1,
        "ratio",
        "Comparative illness and disability ratio indicator",
    ),
    ("mental-health", "Mental health", 1, "score", "Mental health indicator"),
    (
        "years-of-potential-life-lost",
        "Years of potential life lost",
        1,
        "ratio",
        "Years of potential life lost indicator",
    ),
    (
        "violence-with-injury",
        "Violence with injury",
        1,
        "per 1,000 people at risk",
        "Violence with injury (rate per 1,000 at risk population)",
    ),
    (
        "violence-without-injury",
        "Violence without injury",
        1,
        "per 1,000 people at risk",
        "Violence without injury (rate per 1,000 at risk population)",
    ),
    (
        "stalking-and-harassment",
        "Stalking and harassment",
        1,
        "per 1,000 people at risk",
        "Stalking and harassment (rate per 1,000 at risk population)",
    ),
    (
        "burglary",
        "Burglary",
        1,
        "per 1,000 properties at risk",
        "Burglary (rate per 1,000 at risk properties)",
    ),
    ("theft", "Theft", 1, "per 1,000 people at risk", "Theft (rate per 1,000 at risk population)"),
    (
        "criminal-damage",
        "Criminal damage",
        1,
        "per 1,000 people at risk",
        "Criminal damage (rate per 1,000 at risk population)",
    ),
    (
        "public-order-and-weapons",
        "Public order and possession of weapons",
        1,
        "per 1,000 people at risk",
        "Public order and possession of weapons (rate per 1,000 at risk population)",
    ),
    (
        "anti-social-behaviour",
        "Anti-social behaviour",
        1,
        "per 1,000 people at risk",
        "Anti-social behaviour (rate per 1,000 at risk population)",
    ),
    ("connectivity", "Connectivity score", -1, "score", "Connectivity score"),
    (
        "owner-occupation-affordability",
        "Owner-occupation affordability",
        1,
        "score",
        "Owner-occupation affordability (component of housing affordability indicator)",
    ),
    (
        "private-rental-affordability",
        "Private rental affordability",
        1,
        "score",
        "Private rental affordability (component of housing affordability indicator)",
    ),
    ("housing-affordability", "Housing affordability", 1, "score", "Housing affordability indicator"),
    (
        "broadband",
        "Digital connectivity: broadband download and upload speeds",
        1,
        "score",
        "Digital connectivity: broadband download and upload speeds",
    ),
    (
        "core-homelessness",
        "Core homelessness",
        1,
        "% of households",
        "Core homelessness (rate, % of households)",
    ),
    ("patient-to-gp-ratio", "Patients to one general practitioner", 1, "patients", "Patient to GP ratio"),
    (
        "homelessness",
        "Statutory homelessness",
        1,
        "per 1,000 households",
        "Homelessness indicator (rate per 1,000 households)",
    ),
    (
        "overcrowding-rooms",
        "Household overcrowding by rooms",
        1,
        "share of households",
        "Household overcrowding indicator (rooms)",
    ),
    (
        "overcrowding-bedrooms",
        "Household overcrowding by bedrooms",
        1,
        "share of households",
        "Household overcrowding indicator (bedrooms)",
    ),
)
_LIVING_2025: tuple[_Indicator, ...] = (
    (
        "housing-in-poor-condition",
        "Housing in poor condition",
        1,
        "share of homes",
        "Housing in poor condition indicator",
    ),
    (
        "housing-energy-performance",
        "Housing energy performance",
        1,
        "score",
        "Housing energy performance deprivation Score",
    ),
    (
        "private-outdoor-space",
        "Housing lacking private outdoor space",
        1,
        "score",
        "Housing lacking private outdoor space deprivation score",
    ),
    ("noise-pollution", "Noise pollution", 1, "share", "Noise pollution"),
    (
        "road-casualties",
        "Road traffic casualties among pedestrians and cyclists",
        1,
        "rate",
        "Road traffic casualties involving injury to pedestrians and cyclists",
    ),
    ("air-quality", "Air quality", 1, "score", "Air quality indicator"),
)
_INDICATORS_2019: tuple[_Indicator, ...] = (
    *_INDICATORS_2025[:4],
    (
        "staying-on-in-education",
        "Young people not staying on in education after 16",
        1,
        "share of young people",
        "Staying on in education post 16 indicator",
    ),
    _INDICATORS_2025[5],
    _INDICATORS_2025[4],
    _INDICATORS_2025[9],
    _INDICATORS_2025[7],
    _INDICATORS_2025[6],
    ("mood-and-anxiety", "Mood and anxiety disorders", 1, "score", "Mood and anxiety disorders indicator"),
    (
        "distance-to-post-office",
        "Road distance to a post office",
        1,
        "km",
        "Road distance to a post office indicator (km)",
    ),
    (
        "distance-to-primary-school",
        "Road distance to a primary school",
        1,
        "km",
        "Road distance to a primary school indicator (km)",
    ),
    (
        "distance-to-shop",
        "Road distance to a general store or supermarket",
        1,
        "km",
        "Road distance to general store or supermarket indicator (km)",
    ),
    (
        "distance-to-gp",
        "Road distance to a general practitioner's surgery",
        1,
        "km",
        "Road distance to a GP surgery indicator (km)",
    ),
    (
        "overcrowding",
        "Household overcrowding",
        1,
        "share of households",
        "Household overcrowding indicator",
    ),
    (
        "homelessness",
        "Statutory homelessness",
        1,
        "per 1,000 households",
        "Homelessness indicator (rate per 1000 households)",
    ),
    *_INDICATORS_2025[19:22],
    (
        "housing-in-poor-condition",
        "Housing in poor condition",
        1,
        "share of homes",
        "Housing in poor condition indicator",
    ),
    (
        "no-central-heating",
        "Homes without central heating",
        1,
        "share of homes",
        "Houses without central heating indicator",
    ),
    (
        "road-accidents",
        "Road traffic accidents with injury to pedestrians and cyclists",
        1,
        "rate",
        "Road traffic accidents indicator",
    ),
    (
        "nitrogen-dioxide",
        "Nitrogen dioxide",
        1,
        "score",
        "Nitrogen dioxide (component of air quality indicator)",
    ),
    ("benzene", "Benzene", 1, "score", "Benzene (component of air quality indicator)"),
    (
        "sulphur-dioxide",
        "Sulphur dioxide",
        1,
        "score",
        "Sulphur dioxide (component of air quality indicator)",
    ),
    ("particulates", "Particulates", 1, "score", "Particulates (component of air quality indicator)"),
    ("air-quality", "Air quality", 1, "score", "Air quality indicator"),
)


def _indicator_measures(prefix: str, year: str, indicators: tuple[_Indicator, ...]) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            f"{prefix}-{key}",
            f"{title}, indices {year}",
            1 if direction > 0 else -1,
            unit,
            note=_COUNTS.get(key, ""),
        )
        for key, title, direction, unit, _ in indicators
    )


def _indicator_fields(prefix: str, indicators: tuple[_Indicator, ...]) -> tuple[Field, ...]:
    return tuple(Field(header, f"{prefix}-{key}") for key, _, _, _, header in indicators)


def _workbook(path: str, places: tuple[Place, ...], period: str, fields: tuple[Field, ...]) -> Form:
    """Return the publisher's form of a File 8: a workbook with one sheet for each domain."""
    layout = Layout(places, fields=fields, sheet="*", loose=True, period=period)
    return Form("publisher", (File(path, layout, "xlsx"),))


_POPULATIONS_2019 = (
    ("population", "Usual residents", "Total population: mid 2015 (excluding prisoners)"),
    (
        "children",
        "Dependent children aged 0 to 15",
        "Dependent Children aged 0-15: mid 2015 (excluding prisoners)",
    ),
    ("adults-16-59", "People aged 16 to 59", "Population aged 16-59: mid 2015 (excluding prisoners)"),
    (
        "older-people",
        "People aged 60 and over",
        "Older population aged 60 and over: mid 2015 (excluding prisoners)",
    ),
    (
        "working-age",
        "Working-age people",
        "Working age population 18-59/64: for use with Employment Deprivation Domain (excluding prisoners)",
    ),
)
_POPULATION_2019_FIELDS = tuple(
    Field(header, f"imd2019-{key}", period="2015") for key, _, header in _POPULATIONS_2019
)
_TRANSFORMED_2019 = tuple(
    (key, title, header)
    for (key, title, _, _), header in zip(
        _DOMAINS[1:],
        ("Income", "Employment", "Education", "Health", "Crime", "Barriers", "Living Environment"),
        strict=True,
    )
)
_DOMAIN_STEMS_2025 = {
    "": "IMD",
    "income": "Income",
    "employment": "Employment",
    "education": "Education",
    "health": "Health",
    "crime": "Crime",
    "barriers": "Housing_and_Services",
    "living-environment": "Environment",
}
_SUBDOMAIN_STEMS = {node: node.replace("-", "_") for node, _, _, _ in _SUBDOMAINS}
_POPULATION_2019_HEADER = _POPULATIONS_2019[0][2]

SOURCES_2025: dict[str, Entry] = {
    "imd-england-2025": Entry(
        "English indices of deprivation 2025: index and domains",
        _PUBLISHER,
        OGL,
        "open",
        "2025",
        (
            Form(
                "publisher",
                (
                    _with_fields(
                        _FILE7_2025,
                        _file7_fields("imd2025", _DOMAINS + _SUPPLEMENTS),
                        population="Total population: mid 2022",
                    ),
                ),
            ),
            _mirror(
                "imd2025_england_lsoa21.parquet",
                "lsoa21",
                "2025",
                _mirror_fields("imd2025", _DOMAIN_STEMS_2025),
            ),
        ),
        _measures("imd2025", "2025", _DOMAINS + _SUPPLEMENTS),
        "2025",
        _PAGE_2025,
        "Income and employment scores are rates that were drawn towards those of larger areas where counts are small, printed with three "
        "decimals. File 7 holds the indices for children and older people and the population denominators (mid-2022) too; a mirror's copy "
        "does not.",
    ),
    "imd-england-2025-subdomains": Entry(
        "English indices of deprivation 2025: sub-domains",
        _PUBLISHER,
        OGL,
        "open",
        "2025",
        (
            Form("publisher", (_with_fields(_FILE7_2025, _file7_fields("imd2025", _SUBDOMAINS)),)),
            _mirror(
                "imd2025_england_lsoa21_subdomains.parquet",
                "lsoa21",
                "2025",
                _mirror_fields("imd2025", _SUBDOMAIN_STEMS),
            ),
        ),
        _measures("imd2025", "2025", _SUBDOMAINS),
        "2025",
        _PAGE_2025,
    ),
    "imd-england-2025-indicators": Entry(
        "English indices of deprivation 2025: underlying indicators (File 8)",
        _PUBLISHER,
        OGL,
        "open",
        "2025",
        (
            _workbook(
                f"{_MEDIA}/691dec012c6b98ecdbc500d4/File_8_IoD2025_Underlying_Indicators.xlsx",
                (_LSOA21,),
                "2025",
                _indicator_fields("imd2025", _INDICATORS_2025 + _LIVING_2025),
            ),
            _mirror(
                "imd2025_england_lsoa21_indicators_file8.parquet",
                "lsoa21",
                "2025",
                _indicator_fields("imd2025", _INDICATORS_2025),
            ),
        ),
        _indicator_measures("imd2025", "2025", _INDICATORS_2025 + _LIVING_2025),
        "2025",
        _PAGE_2025,
        "Not every indicator of the indices is published. A mirror's copy lacks those of the living environment.",
    ),
}
"""The 2025 indices."""

SOURCES_2019: dict[str, Entry] = {
    "imd-england-2019": Entry(
        "English indices of deprivation 2019: index and domains",
        _PUBLISHER_2019,
        OGL,
        "open",
        "2019",
        (
            Form(
                "publisher",
                (
                    _with_fields(
                        _FILE7_2019,
                        _file7_fields("imd2019", _DOMAINS + _SUPPLEMENTS),
                        population=_POPULATION_2019_HEADER,
                    ),
                ),
            ),
            Form(
                "mirror",
                (
                    File(
                        "deprivation/imd2019_england_lsoa11_combined.parquet",
                        Layout(
                            (
                                Place("lsoa11", "lsoa11_code", "lsoa11_name"),
                                Place("lad19", "lad19_code", "lad19_name"),
                            ),
                            (Link("lsoa11", "lad19"),),
                            (
                                Field("imd_score", "imd2019-score"),
                                # The mirror holds rates as per cent; the publisher prints shares with three decimals.
                                Field("income_rate_pct", "imd2019-income-score", factor=0.01, digits=3),
                                Field(
                                    "employment_rate_pct", "imd2019-employment-score", factor=0.01, digits=3
                                ),
                                *_mirror_fields(
                                    "imd2019",
                                    {**_DOMAIN_STEMS_2025, "barriers": "Housing_and_Access"},
                                    ("rank",),
                                ),
                            ),
                            population=_POPULATION_2019_HEADER,
                            loose=True,
                            period="2019",
                        ),
                    ),
                ),
            ),
        ),
        _measures("imd2019", "2019", _DOMAINS + _SUPPLEMENTS),
        "2019",
        _PAGE_2019,
        "The mirror holds scores of the index, of income and of employment only; ranks of all domains. Population is mid-2015, "
        "excluding prisoners, as the indices use it.",
    ),
    "imd-england-2019-subdomains": Entry(
        "English indices of deprivation 2019: sub-domains",
        _PUBLISHER_2019,
        OGL,
        "open",
        "2019",
        (
            Form("publisher", (_with_fields(_FILE7_2019, _file7_fields("imd2019", _SUBDOMAINS)),)),
            _mirror(
                "imd2019_england_lsoa11_subdomains.parquet",
                "lsoa11",
                "2019",
                _mirror_fields("imd2019", _SUBDOMAIN_STEMS, ("rank",)),
            ),
        ),
        _measures("imd2019", "2019", _SUBDOMAINS),
        "2019",
        _PAGE_2019,
        "The mirror holds ranks only.",
    ),
    "imd-england-2019-indicators": Entry(
        "English indices of deprivation 2019: underlying indicators (File 8)",
        _PUBLISHER_2019,
        OGL,
        "open",
        "2019",
        (
            _workbook(
                f"{_MEDIA}/5d8b3cd740f0b609909b590a/File_8_-_IoD2019_Underlying_Indicators.xlsx",
                (_LSOA11,),
                "2019",
                _indicator_fields("imd2019", _INDICATORS_2019),
            ),
            _mirror(
                "imd2019_england_lsoa11_indicators_file8.parquet",
                "lsoa11",
                "2019",
                _indicator_fields("imd2019", _INDICATORS_2019),
            ),
        ),
        _indicator_measures("imd2019", "2019", _INDICATORS_2019),
        "2019",
        _PAGE_2019,
        "Not every indicator of the indices is published.",
    ),
    "imd-england-2019-population": Entry(
        "English indices of deprivation 2019: population denominators (File 6)",
        _PUBLISHER_2019,
        OGL,
        "open",
        "2019",
        (
            Form(
                "publisher",
                (_with_fields(_FILE7_2019, _POPULATION_2019_FIELDS, population=_POPULATION_2019_HEADER),),
            ),
            Form(
                "mirror",
                (
                    File(
                        "deprivation/imd2019_file6_population_denominators.parquet",
                        Layout(
                            (_LSOA11, _LAD19),
                            (Link("lsoa11", "lad19"),),
                            _POPULATION_2019_FIELDS,
                            population=_POPULATION_2019_HEADER,
                            loose=True,
                            period="2015",
                        ),
                    ),
                ),
            ),
        ),
        tuple(
            Measure(
                f"imd2019-{key}",
                f"{title}, mid-2015, excluding prisoners",
                1,
                "people",
                note="A count, not a measure of need: its direction has no meaning.",
            )
            for key, title, _ in _POPULATIONS_2019
        ),
        "2015",
        _PAGE_2019,
        "The same columns stand in File 7, which is what the publisher's form reads.",
    ),
    "imd-england-2019-transformed": Entry(
        "English indices of deprivation 2019: transformed domain scores (File 9)",
        _PUBLISHER_2019,
        OGL,
        "open",
        "2019",
        (
            Form(
                "mirror",
                (
                    File(
                        "deprivation/imd2019_file9_transformed_scores.parquet",
                        Layout(
                            (_LSOA11,),
                            fields=tuple(
                                Field(
                                    f"{header} Score - exponentially transformed",
                                    f"imd2019-{key}-transformed",
                                )
                                for key, _, header in _TRANSFORMED_2019
                            ),
                            loose=True,
                            period="2019",
                        ),
                    ),
                ),
            ),
        ),
        tuple(
            Measure(f"imd2019-{key}-transformed", f"{title}: transformed score, 2019", 1, "score")
            for key, title, _ in _TRANSFORMED_2019
        ),
        "2019",
        _PAGE_2019,
    ),
}
"""The 2019 indices."""

SOURCES: dict[str, Entry] = {**SOURCES_2025, **SOURCES_2019}
"""All sets of the ministry, by name."""
