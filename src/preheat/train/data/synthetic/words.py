"""The words of the synthetic headlines, written for this purpose.

Four kinds of word depend on the topic; within a kind the frequent ones come first, and some belong to several topics.
The kinds after them say nothing about it. No word is of two kinds, so a headline is read in one way only; the tests
check that.
"""

from __future__ import annotations

TOPICS = ("business", "sport", "politics", "technology", "health", "culture", "science", "travel")
"""The classes; a run with fewer of them takes the first."""

_TOPIC_WORDS = {
    "actor": {
        "business": """
            bank retailer investor lender insurer exporter brewer supplier broker shareholder trader grocer carmaker
            miner banker auditor economist wholesaler landlord developer refiner franchise treasurer start-up
        """,
        "sport": """
            striker goalkeeper coach captain sprinter defender team champion referee winger midfielder cyclist boxer
            club swimmer jockey manager bowler star golfer skipper rower goalscorer olympian
        """,
        "politics": """
            minister senator party president mayor opposition premier governor chancellor lawmaker voter candidate
            diplomat speaker cabinet parliament council ambassador delegate backbencher envoy coalition campaigner
            court
        """,
        "technology": """
            developer programmer chipmaker hacker start-up engineer coder platform robot browser operator gamer user
            app designer assistant administrator cloud-provider modder tinkerer network hub server streamer
        """,
        "health": """
            doctor nurse surgeon hospital patient clinic midwife pharmacist drugmaker therapist paramedic dentist
            ward psychiatrist carer campaigner paediatrician donor physician volunteer vaccinator consultant
            regulator researcher
        """,
        "culture": """
            singer director actor novelist band painter curator star poet composer dancer sculptor playwright
            gallery orchestra screenwriter soprano publisher designer photographer comedian violinist conductor
            biographer
        """,
        "science": """
            researcher astronomer physicist biologist geologist chemist probe telescope laboratory astronaut
            botanist engineer zoologist observatory satellite mathematician palaeontologist oceanographer rover
            ecologist seismologist geneticist team rocket
        """,
        "travel": """
            airline tourist traveller hotel pilot airport passenger ferry guide resort backpacker campsite rail-firm
            cruise-line operator hostel conductor steward hiker innkeeper holidaymaker liner coach-firm explorer
        """,
    },
    "action": {
        "business": """
            buys sells trims lifts acquires floats audits refinances prices forecasts markets exports undercuts cuts
            stockpiles leases launches hedges writes-off offloads
        """,
        "sport": """
            wins loses scores signs defends saves misses kicks retains equals beats chases clinches drops trains-for
            races-for injures appeals breaks celebrates
        """,
        "politics": """
            vetoes debates amends signs backs opposes rejects campaigns-for repeals tables ratifies lobbies-for
            concedes cuts defends denounces legislates drafts votes-on appeals
        """,
        "technology": """
            launches patches encrypts hacks updates codes downloads automates streams upgrades installs debugs
            digitises tests deletes scans unveils tracks reboots emulates
        """,
        "health": """
            treats cures prescribes diagnoses vaccinates trials tests monitors screens heals operates-on immunises
            tracks prevents administers injects scans transplants detects stitches
        """,
        "culture": """
            sings stages films paints directs performs publishes rehearses records premieres exhibits composes
            streams sketches screens adapts unveils restores casts illustrates
        """,
        "science": """
            discovers measures observes orbits detects samples tests models maps tracks excavates simulates maps-out
            sequences analyses confirms records launches dissects catalogues
        """,
        "travel": """
            flies books visits boards cancels reroutes tours docks-at explores maps reaches cruises-past hikes
            checks-into reopens tracks restores lands-at crosses prices
        """,
    },
    "thing": {
        "business": """
            profit shares merger forecast dividend bond debt takeover deal stake revenue price loan factory brand
            contract inventory patent subsidiary invoice margin warehouse portfolio pension
        """,
        "sport": """
            goal medal match trophy penalty title race record contract season final tie relegation transfer
            injury-time wicket derby deal bronze set podium shoot-out lap replay
        """,
        "politics": """
            bill tax vote reform treaty budget election law pension motion referendum amendment sanction manifesto
            mandate constituency ballot debt veto resolution inquest immigration-rule quota subsidy
        """,
        "technology": """
            software chip phone code update patent algorithm password laptop malware website battery console
            database keyboard firewall smartphone interface bug virus drone encryption headset model
        """,
        "health": """
            vaccine drug virus cancer surgery diet flu outbreak symptom transplant infection treatment vitamin pill
            asthma pandemic therapy diabetes x-ray dose allergy fracture antibiotic gene
        """,
        "culture": """
            film novel album song painting play exhibition opera sequel ballet premiere record portrait sonata
            documentary musical sculpture script set memoir soundtrack tapestry anthology screenplay
        """,
        "science": """
            planet comet gene fossil particle galaxy asteroid glacier species dna-strand volcano molecule theory
            crater orbit virus atom neutron model enzyme eclipse meteorite isotope coral
        """,
        "travel": """
            flight cruise beach runway visa museum ticket island itinerary luggage suite landmark terminal voyage
            castle timetable package-holiday passport waterfall harbour cable-car safari lagoon souvenir
        """,
    },
    "field": {
        "business": """
            finance retail energy property banking mining insurance currency commodity commerce pensions drink
        """,
        "sport": """
            football rugby tennis athletics cricket boxing league cup olympic swimming cycling stadium
        """,
        "politics": """
            electoral defence welfare border immigration coalition-party energy pensions housing foreign local
            constitutional
        """,
        "technology": """
            internet mobile gaming computing broadband data security hardware cyber cloud satellite-tv semiconductor
        """,
        "health": """
            clinical medical nursing cancer-care dental mental-health drink maternity obesity ageing data pharmacy
        """,
        "culture": """
            theatre cinema literary music art television fashion festival jazz comedy heritage gaming
        """,
        "science": """
            space climate quantum genetics marine polar physics energy evolution astronomy archaeology data
        """,
        "travel": """
            aviation rail tourism hotel-trade coastal ferry-route border holiday heritage airport-tax camping polar
        """,
    },
}

TOPIC_WORDS = {
    kind: {topic: tuple(words.split()) for topic, words in topics.items()} for kind, topics in _TOPIC_WORDS.items()
}
"""Kind -> topic -> words."""

_STEMS = """
    Hal Mor Ash Bren Cal Dun Ed Fair Gar Hol Ing Kel Lan Mar Nor Oak Pen Quin Rad Sel Tor Ul Ver Wes Yar Zan Bel
    Cro Dra Fen Gil Hux Jar Kin Lor Mul Nes Orl Pres Ros
"""
_ENDINGS = """
    brook well ton field man son ley worth ford stone wick ham ridge mere dale hurst croft gate land beck combe
    shaw burn low
"""

_NEUTRAL_WORDS = {
    "given": """
        Mira Tomas Ines Karel Aisha Bruno Chidi Dalia Emil Farah Goran Hana Igor Jana Kofi Leila Marek Nadia
        Oskar Priya Rafael Sana Tariq Uma Viktor Wanda Yusuf Zora Anton Bianca Cyril Dora Elif Felix Greta Hugo
        Iris Jonas Katya Lucas
    """,
    "place": """
        Lisbon Oslo Lagos Lima Quito Hanoi Seoul Cairo Tunis Accra Dakar Nairobi Perth Osaka Delhi Dhaka Madrid
        Turin Lyon Ghent Bergen Tallinn Riga Vilnius Gdansk Prague Graz Zagreb Split Patras Izmir Haifa Tbilisi
        Baku Almaty Montreal Boston Denver Bogota Recife
    """,
    "month": "January February March April May June July August September October November December",
    "adjective": "new fresh secret rival early late major bitter surprise second costly bold rare joint",
    "affair": "row talks plan crisis boom debate project shake-up scandal review rush pact",
    "turn": "deepens ends begins continues stalls grows resumes widens",
}

NEUTRAL_WORDS = {
    **{kind: tuple(words.split()) for kind, words in _NEUTRAL_WORDS.items()},
    "surname": tuple(stem + ending for stem in _STEMS.split() for ending in _ENDINGS.split()),
    "number": tuple(map(str, range(1, 29))),
}
"""Kinds that every topic shares; each word of a kind is as likely as the others."""
