"""An invoice as a CFDI 4.0 document.

The document is well-formed and has the structure of real ones. Its seals are no signatures, and payrolls and payment
receipts lack the complements that the tax office requires.
"""

import base64
import hashlib
import json
from collections import defaultdict
from decimal import Decimal
from xml.etree import ElementTree as ET

from sample.records import Filed, Invoice, LineItem

CFDI = "http://www.sat.gob.mx/cfd/4"
STAMP = "http://www.sat.gob.mx/TimbreFiscalDigital"
_VAT = "002"
_CERTIFICATE = "00001000000504465028"
_CERTIFIER = "AAA010101AAA"

ET.register_namespace("cfdi", CFDI)
ET.register_namespace("tfd", STAMP)


def xml(filed: Filed) -> bytes:
    """Return the document in UTF-8. Amounts have the same digits as in the database."""
    invoice = filed.invoice
    root = _head(invoice)
    _add_related(root, invoice)
    _add_sides(root, invoice)
    concepts = _add(root, "Conceptos")
    for item in filed.items:
        _add_item(concepts, item)
    if invoice.tax is not None:
        _add_taxes(root, invoice.tax, filed.items)
    _add_stamp(root, invoice)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _head(invoice: Invoice) -> ET.Element:
    return ET.Element(
        f"{{{CFDI}}}Comprobante",
        _given(
            Version="4.0",
            Serie=invoice.series,
            Folio=invoice.folio,
            Fecha=_local(invoice.issued_at),
            Sello=_seal("issuer", invoice.uuid),
            FormaPago=invoice.payment_method,
            NoCertificado=_CERTIFICATE,
            Certificado=_seal("certificate", invoice.issuer_rfc),
            SubTotal=invoice.subtotal,
            Descuento=invoice.discount,
            Moneda=invoice.currency,
            TipoCambio=invoice.exchange_rate,
            Total=invoice.total,
            TipoDeComprobante=invoice.type,
            Exportacion="01",
            MetodoPago=invoice.payment_form,
            LugarExpedicion=invoice.issuer_postal_code,
        ),
    )


def _add_related(root: ET.Element, invoice: Invoice) -> None:
    for related in json.loads(invoice.related or "[]"):
        _add(_add(root, "CfdiRelacionados", TipoRelacion=related["type"]), "CfdiRelacionado", UUID=related["uuid"])


def _add_sides(root: ET.Element, invoice: Invoice) -> None:
    _add(root, "Emisor", Rfc=invoice.issuer_rfc, Nombre=invoice.issuer_name, RegimenFiscal=invoice.issuer_tax_regime)
    _add(
        root,
        "Receptor",
        Rfc=invoice.receiver_rfc,
        Nombre=invoice.receiver_name,
        DomicilioFiscalReceptor=invoice.receiver_postal_code,
        RegimenFiscalReceptor=invoice.receiver_tax_regime,
        UsoCFDI=invoice.usage,
    )


def _add_item(concepts: ET.Element, item: LineItem) -> None:
    concept = _add(
        concepts,
        "Concepto",
        ClaveProdServ=item.product_code,
        NoIdentificacion=item.sku,
        Cantidad=item.quantity,
        ClaveUnidad=item.unit_code,
        Unidad=item.unit,
        Descripcion=item.description,
        ValorUnitario=item.unit_price,
        Importe=item.amount,
        Descuento=item.discount,
        ObjetoImp="01" if item.tax is None else "02",
    )
    if item.tax is not None and item.tax_rate is not None:
        _add_transfers(concept, {item.tax_rate: (_base(item), Decimal(item.tax))})


def _add_taxes(root: ET.Element, total: str, items: list[LineItem]) -> None:
    sums: dict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(), Decimal()))
    for item in items:
        if item.tax is not None and item.tax_rate is not None:
            base, tax = sums[item.tax_rate]
            sums[item.tax_rate] = base + _base(item), tax + Decimal(item.tax)
    _add_transfers(root, sums, TotalImpuestosTrasladados=total)


def _add_transfers(parent: ET.Element, by_rate: dict[str, tuple[Decimal, Decimal]], **totals: str) -> None:
    """Add a Traslado for each tax rate, with its base and its amount."""
    transfers = _add(_add(parent, "Impuestos", **totals), "Traslados")
    for rate, (base, tax) in by_rate.items():
        _add(transfers, "Traslado", Base=str(base), Impuesto=_VAT, TipoFactor="Tasa", TasaOCuota=rate, Importe=str(tax))


def _add_stamp(root: ET.Element, invoice: Invoice) -> None:
    attributes = _given(
        Version="1.1",
        UUID=invoice.uuid,
        FechaTimbrado=_local(invoice.certified_at),
        RfcProvCertif=_CERTIFIER,
        SelloCFD=_seal("issuer", invoice.uuid),
        NoCertificadoSAT=_CERTIFICATE,
        SelloSAT=_seal("authority", invoice.uuid),
    )
    ET.SubElement(_add(root, "Complemento"), f"{{{STAMP}}}TimbreFiscalDigital", attributes)


def _add(parent: ET.Element, name: str, **attributes: str | None) -> ET.Element:
    return ET.SubElement(parent, f"{{{CFDI}}}{name}", _given(**attributes))


def _given(**attributes: str | None) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if value is not None}


def _base(item: LineItem) -> Decimal:
    return Decimal(item.amount) - Decimal(item.discount or 0)


def _local(instant: str) -> str:
    return instant.removesuffix("Z")


def _seal(who: str, what: str) -> str:
    """Return a text that looks like a seal and is always the same."""
    return base64.b64encode(hashlib.sha256(f"{who} {what}".encode()).digest()).decode("ascii")
