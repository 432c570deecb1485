"""Names and texts of the invented invoices: ordinary ones, and some that careless exporters break."""

FIRST = ("José", "María", "Sofía", "Íñigo", "Zoë", "Ramón", "Lucía", "Ángel", "Nicolás", "Begoña", "Ana", "Luis")
LAST = ("Ñandú", "Muñoz", "Peña", "García", "Núñez", "Ibáñez", "Güemes", "Cigüeña", "Ávila", "Ortiz", "Luna", "Reyes")
TRADES = (
    "Abarrotes",
    "Aceros",
    "Cafetería",
    "Construcciones",
    "Diseño y Señalización",
    "Logística",
    "Papelería",
    "Refacciones",
    "Servicios Médicos",
    "Tecnología",
    "Transportes",
    "Viñedos",
)
PLACES = ("del Norte", "de Mérida", "de Querétaro", "del Bajío", "de León", "de Michoacán", "del Pacífico", "de Álamos")
FORMS = ("SA de CV", "S de RL de CV", "SAPI de CV", "SC")

NASTY = (
    "=1+1",
    '=HYPERLINK("http://example.com";"a")',
    "@SUM(A1:A9)",
    "+52 55 1234 5678",
    "-2+3",
    "\tTab at the start",
    " Spaces at both ends ",
    'Comercial "El Ñandú", S.A. de C.V.',
    "O'Higgins; Peña, & Cía.",
    "Two lines:\nthe second",
    "Two lines, as Windows has them:\r\nthe second",
    "Café \N{ROCKET} México \N{WOMAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}",
    "شركة الأمل للتجارة",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc\N{POP DIRECTIONAL FORMATTING} חשבונית",
    "<b>1 < 2 && 3 > 2</b>",
    "_x0041_",
    "]]>",
    "e\u0301 is é in two",
    "00123",
    "1E5",
    "2026-01-01",
    "NULL",
    "100 %",
    "C:\\temp\\new",
)
"""Each is used as a whole text, because the prefix of a formula works only at the beginning of a cell."""

Product = tuple[str, str, str | None, str]
"""Product code, code of the unit, name of the unit, description."""

PRODUCTS: tuple[Product, ...] = (
    ("01010101", "H87", "Pieza", "No existe en el catálogo"),
    ("10101502", "H87", "Pieza", "Alimento para perros, bulto de 20 kg"),
    ("43211503", "H87", "Pieza", 'Computadora portátil de 14"'),
    ("44121708", "XBX", "Caja", "Marcadores (caja con 12 piezas)"),
    ("50201706", "KGM", "Kilogramo", "Café en grano tostado, Coatepec"),
    ("53102710", "H87", None, "Uniforme con logotipo bordado"),
    ("72102900", "E48", "Unidad de servicio", "Mantenimiento & limpieza de oficinas"),
    ("78101802", "E48", "Unidad de servicio", "Flete México-Mérida"),
    ("80111620", "HUR", "Hora", "Consultoría en diseño"),
    ("81112100", "E48", None, "Acceso a Internet, 1 mes"),
    ("84111506", "ACT", "Actividad", "Servicios de facturación"),
    ("93151501", "E48", "Unidad de servicio", "Trámite ante la administración pública"),
)
STREET = ("XAXX010101000", "PÚBLICO EN GENERAL", "616")
"""A customer who did not give a name: RFC, name, tax regime."""
