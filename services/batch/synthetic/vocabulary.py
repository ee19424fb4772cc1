"""The vocabulary of a fictional universe: what books of each genre are made of. Data only; see `universe_prose`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GenreWords:
    """What books of one genre are made of."""

    nouns: tuple[str, ...]
    qualities: tuple[str, ...]
    people: tuple[str, ...]
    troubles: tuple[str, ...]
    settings: tuple[str, ...]


def _words(*, nouns: str, qualities: str, people: str, troubles: str, settings: str) -> GenreWords:
    return GenreWords(*(tuple(text.split(", ")) for text in (nouns, qualities, people, troubles, settings)))


GENRES: dict[str, GenreWords] = {
    "fantasy": _words(
        nouns=(
            "Crown, Rune, Dragon, Tower, Oath, Wolf, Raven, Throne, Blade, Thorn, Spell, Gate, Moon, Ember, "
            "Staff, Crypt"
        ),
        qualities="Last, Hollow, Silver, Oathbound, Forgotten, Thorned, Moonlit, Broken",
        people=(
            "a hedge wizard, an exiled heir, a dragon keeper, a rune carver, a disgraced knight, a witch's apprentice"
        ),
        troubles=(
            "an old spell is coming undone, the dragons have stopped answering, a usurper holds the throne, magic "
            "drains from the wells, a forgotten god has woken"
        ),
        settings=(
            "a mountain kingdom, a city of towers, the forest beyond the wall, an archipelago of witches, a "
            "ruined citadel"
        ),
    ),
    "science fiction": _words(
        nouns=(
            "Orbit, Signal, Colony, Engine, Horizon, Station, Comet, Vector, Archive, Drift, Relay, Reactor, "
            "Star, Probe, Circuit, Ark"
        ),
        qualities="Distant, Infinite, Silent, Quantum, Orbital, Artificial, Lunar, Fractured",
        people=(
            "a salvage pilot, a ship's mind, a xenobiologist, a colony engineer, a deserter from the fleet, a "
            "cryptographer"
        ),
        troubles=(
            "the signal answers before it is sent, the colony's air is failing, an android claims a soul, a fleet "
            "returns that was never launched, the alien archive rewrites its readers"
        ),
        settings=(
            "a mining station, a generation ship, the dark side of a moon, a terraformed valley, a ring around a "
            "dying sun"
        ),
    ),
    "mystery": _words(
        nouns=(
            "Alibi, Clue, Key, Letter, Witness, Will, Cipher, Guest, Portrait, Clock, Poison, Corridor, "
            "Inheritance, Manor, Suspect, Ledger"
        ),
        qualities="Missing, Locked, Second, Unsigned, Vanishing, Quiet, Crooked, Final",
        people=(
            "a retired inspector, a village librarian, a reluctant sleuth, a forensic botanist, an insurance "
            "clerk, a nosy postmistress"
        ),
        troubles=(
            "a body is found in a locked room, every suspect confesses, the will names a stranger, a witness "
            "disappears, the detective's own alibi fails"
        ),
        settings="a country house cut off by snow, a seaside hotel, a night train, a university town, a village fete",
    ),
    "horror": _words(
        nouns=(
            "Cellar, Whisper, Bone, Shadow, Grave, Mirror, Teeth, Well, Doll, Fog, Attic, Hunger, Skin, Chapel, "
            "Nursery, Moth"
        ),
        qualities="Rotting, Hungry, Pale, Sleepless, Buried, Nameless, Bleeding, Cold",
        people="a night nurse, a grieving father, a caretaker, a medium, an orphaned sister, a sceptical priest",
        troubles=(
            "something answers from the cellar, the dead will not keep still, the fog takes one person each "
            "night, the mirrors show a room that is not there, an old hunger wakes"
        ),
        settings=(
            "an abandoned asylum, a house on the marsh, a drowned village, a boarding school in winter, a lighthouse"
        ),
    ),
    "romance": _words(
        nouns=(
            "Heart, Promise, Summer, Dance, Kiss, Garden, Wedding, Rose, Secret, Harbour, Bookshop, Valentine, "
            "Letter, Waltz, Proposal, Sunrise"
        ),
        qualities="Tender, Unexpected, Stolen, Golden, Second, Reluctant, Endless, Sweet",
        people=(
            "a wedding planner, a widowed baker, a runaway bride, a shy florist, a charming duke, a small-town vet"
        ),
        troubles=(
            "a pretended engagement becomes real, an old flame moves in next door, a bet turns serious, a letter "
            "arrives ten years late, two rivals must share one kitchen"
        ),
        settings="a harbour town, a vineyard, a Regency ballroom, a bookshop above a bakery, a snowed-in ski lodge",
    ),
    "historical fiction": _words(
        nouns=(
            "Empire, Courier, Regiment, Court, Harvest, Ship, Physician, Siege, Province, Cathedral, Map, Scribe, "
            "Guild, Loom, Banner, Exile"
        ),
        qualities="Burning, Imperial, Unfaithful, Winter, Loyal, Distant, Royal, Divided",
        people="a court physician, a weaver's daughter, a cavalry officer, a mapmaker, a spy at court, a stonemason",
        troubles=(
            "war divides two brothers, the plague reaches the harbour, a queen must be smuggled out, the harvest "
            "fails for the third year, a forged charter changes hands"
        ),
        settings=(
            "a besieged port, a cathedral town, the court of a failing dynasty, a caravan road, a colony overseas"
        ),
    ),
    "thriller": _words(
        nouns=(
            "Protocol, Target, Deadline, Asset, Border, Hostage, Code, Conspiracy, Fugitive, Network, Leak, "
            "Bullet, Handler, Embassy, Pursuit, Trigger"
        ),
        qualities="Deadly, Zero, Hidden, Ruthless, Rogue, Final, Burned, Blind",
        people=(
            "a burned agent, an investigative reporter, a hostage negotiator, a forensic accountant, a getaway "
            "driver, a hacker on parole"
        ),
        troubles=(
            "a bomb is already ticking, the leak comes from the top, her handler has been dead for years, the "
            "hostage is the kidnapper, a name is missing from the list"
        ),
        settings=(
            "a divided capital, an offshore rig, an embassy under siege, a Balkan border post, a data centre in "
            "the desert"
        ),
    ),
    "literary fiction": _words(
        nouns=(
            "House, River, Silence, Daughter, Orchard, Distance, Inheritance, Weather, Photograph, Island, "
            "Funeral, Window, Marriage, Room, Language, Salt"
        ),
        qualities="Small, Ordinary, Unspoken, Late, Slow, Borrowed, Remaining, Grey",
        people=(
            "a translator, an estranged brother, a retired schoolteacher, a widower, a failed pianist, an "
            "immigrant tailor"
        ),
        troubles=(
            "a funeral brings the family home, a marriage ends without a quarrel, an old photograph contradicts a "
            "memory, the house must be sold, a stroke takes a language away"
        ),
        settings=(
            "a house by an estuary, a flat above a laundry, a farm nobody wants, a city in a long heatwave, a "
            "fading resort"
        ),
    ),
    "childrens": _words(
        nouns=(
            "Rabbit, Kite, Treehouse, Pirate, Wizard, Puddle, Balloon, Teapot, Button, Hedgehog, Circus, Picnic, "
            "Snowman, Lantern, Pony, Giant"
        ),
        qualities="Curious, Tiny, Flying, Magic, Muddy, Giggling, Upside-Down, Brave",
        people=(
            "a very small rabbit, a twin with a kite, a girl who talks to ducks, a forgetful giant, a boy and his "
            "robot, a homesick penguin"
        ),
        troubles=(
            "the moon has gone missing, nobody believes in the puddle monster, the circus is leaving without its "
            "clown, the teapot grants one wish too many, a lost kite must be found before bedtime"
        ),
        settings=(
            "a crooked treehouse, a garden at the end of the bus line, a school for clouds, a jam factory, "
            "Grandma's attic"
        ),
    ),
    "young adult": _words(
        nouns=(
            "Rebel, Summer, Academy, Secret, Prom, Skateboard, Mixtape, Trial, Chosen, Locker, Rumour, Playlist, "
            "Crush, Arena, Diary, Fever"
        ),
        qualities="Reckless, Electric, Invisible, Broken, Wild, Almost, Chosen, Loud",
        people=(
            "a scholarship girl, a boy who lies for fun, a best friend, the new kid, a teenage inventor, a "
            "runaway skater"
        ),
        troubles=(
            "a rumour spreads in one night, the trials choose the wrong name, a best friend stops speaking, a "
            "summer job hides a secret, everyone's phones start telling the truth"
        ),
        settings=(
            "an elite academy, a town with one traffic light, a walled city, a summer camp, the last year of high "
            "school"
        ),
    ),
    "history": _words(
        nouns=(
            "Treaty, Century, Trade, Revolution, Canal, Plague, Senate, Railway, Voyage, Archive, Parliament, "
            "Frontier, Coin, Harbour, Census, Fortress"
        ),
        qualities="Long, Forgotten, Great, Iron, Divided, Merchant, Imperial, First",
        people=(
            "a historian, an archivist, a retired diplomat, an archaeologist, a naval officer turned scholar, a "
            "chronicler of cities"
        ),
        troubles=(
            "a treaty nobody meant to keep redraws a continent, cheap grain topples a dynasty, a canal bankrupts "
            "its builders, a census starts a revolt, one trade route makes and breaks an empire"
        ),
        settings=(
            "the archives of a merchant republic, a contested frontier, three rival capitals, a railway town, the "
            "ports of an inland sea"
        ),
    ),
    "science": _words(
        nouns=(
            "Cell, Atom, Ocean, Brain, Fossil, Gene, Forest, Glacier, Enzyme, Planet, Swarm, Number, Lens, "
            "Experiment, Current, Spectrum"
        ),
        qualities="Curious, Invisible, Living, Measured, Deep, Restless, Hidden, Ancient",
        people=(
            "a marine biologist, a neurologist, a field geologist, a particle physicist, an ecologist, a statistician"
        ),
        troubles=(
            "an experiment refuses to repeat, a fossil turns up in the wrong layer, a forest talks through its "
            "roots, a small error hides a large law, the ocean's currents are slowing"
        ),
        settings="a research ship, a laboratory in the Alps, a coral reef, a glacier station, a hospital ward",
    ),
    "biography": _words(
        nouns=(
            "Life, Painter, General, Voice, Composer, Inventor, Notebook, Journey, Childhood, Portrait, Rival, "
            "Stage, Dancer, Mentor, Workshop, Legacy"
        ),
        qualities="Restless, Unfinished, Public, Private, Stubborn, Double, Bright, Solitary",
        people=(
            "a self-taught inventor, a forgotten composer, a general turned pacifist, a dancer from the docks, a "
            "botanist in disguise, a champion of the deaf"
        ),
        troubles=(
            "fame arrives too late, a patron withdraws, a rival patents the idea first, exile becomes a second "
            "birth, illness forces a new beginning"
        ),
        settings=(
            "a workshop above the river, concert halls of three continents, a prison cell, a provincial theatre, "
            "a mission school"
        ),
    ),
    "humor": _words(
        nouns=(
            "Aunt, Trousers, Butler, Goose, Committee, Moustache, Caravan, Sausage, Vicar, Lawnmower, Bicycle, "
            "Marmalade, Accident, Cheese, Hat, Uncle"
        ),
        qualities="Preposterous, Mildly, Unfortunate, Runaway, Pickled, Dignified, Wobbly, Improper",
        people=(
            "a hopeless butler, a vicar with a motorbike, an overconfident aunt, a failed inventor, the village "
            "committee, a very junior civil servant"
        ),
        troubles=(
            "the prize goose has been kidnapped, a forged invitation brings the wrong duke, the caravan has no "
            "brakes, a trivial lie needs ever larger lies, the amateur opera must go on"
        ),
        settings=(
            "a crumbling stately home, a canal boat, the Ministry of Lamps, a cheese festival, a hotel with one guest"
        ),
    ),
    "poetry": _words(
        nouns=(
            "Season, Tide, Lamp, Sparrow, Stone, Snow, Hymn, Lung, Orchard, Prayer, Thread, Rain, Mouth, Field, "
            "Hour, Feather"
        ),
        qualities="Bare, Blue, Unlit, Patient, Scattered, Open, Wintering, Singing",
        people="a voice without a name, a mother, a lapsed monk, a ferryman, a lover, an old gardener",
        troubles=(
            "grief is counted in birds, a house is remembered room by room, the body learns its own weather, a "
            "language is lost word by word, love is measured against the tide"
        ),
        settings=(
            "a northern coast, an allotment in winter, a hospital at night, the kitchens of childhood, a salt marsh"
        ),
    ),
    "travel": _words(
        nouns=(
            "Road, Desert, Ferry, Passport, Monsoon, Pass, Compass, Suitcase, Coast, Caravan, Steppe, Delta, "
            "Border, Volcano, Market, Bicycle"
        ),
        qualities="Slow, Dusty, Long, Wandering, Far, Unmapped, High, Southern",
        people=(
            "a wandering cook, a former banker, a cyclist with a bad knee, a botanist, a beekeeper's daughter, a "
            "correspondent between wars"
        ),
        troubles=(
            "the bridge has been gone for years, a wrong bus leads to the right village, the permits never "
            "arrive, an old guidebook proves a liar, the monsoon comes early"
        ),
        settings=(
            "a high desert road, the ferries of a delta, a mountain railway, the tea markets of a border town, a "
            "volcanic coast"
        ),
    ),
}
"""Genre names with the words their titles and descriptions draw on. Order matters: it is part of what a seed means."""
