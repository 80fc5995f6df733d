"""The receipt's own words, by language; what happens to the money stands under the state's name.

A word with a space belongs to one kind of paper ("refund title").  Customers read these: no word of
a programmer's, and nothing promised that the state does not hold (rules.md §1).
"""

WORDS = {
    "de": {
        "paid title": "Zahlungsbeleg",
        "refund title": "ERSTATTUNG",
        "not_paid title": "NICHT BEZAHLT",
        "order_code title": "ZUM BEZAHLEN",
        "order_ref": "Bestellung",
        "amount": "Betrag",
        "refund amount": "Erstattet",
        "method": "Bezahlt mit",
        "refund method": "Erstattet mit",
        "not_paid method": "Zahlung mit",
        "order_code method": "Zahlung mit",
        "time": "Zeit",
        "time not set": "Zeit nicht gestellt",
        "terminal": "Terminal",
        "payment": "Zahlungsanfrage-ID",
        "antom_payment_id": "Antom-Zahlungs-ID",
        "refund": "Erstattungsanfrage-ID",
        "antom_refund_id": "Antom-Erstattungs-ID",
        "original title": "Ursprüngliche Zahlung",
        "payment_amount": "Bezahlt",
        "payment_time": "Bezahlt am",
        "expires": "Gültig bis",
        "order_code notice": "Scannen Sie diesen Code mit Ihrer Wallet-App. Dies ist keine "
        "Quittung.",
        "failed": "Es wurde kein Geld abgebucht.",
        "cancelling": "Falls Ihre Wallet eine Belastung zeigt, wird sie gerade storniert. Das "
        "Geld kommt von selbst zu Ihnen zurück.",
        "cancel_queued": "Falls Ihre Wallet eine Belastung zeigt, wird sie storniert, sobald die "
        "Verbindung es zulässt. Das Geld kommt von selbst zu Ihnen zurück. Bewahren Sie diesen "
        "Beleg bis dahin auf.",
        "handed_over": "Falls Ihre Wallet eine Belastung zeigt, storniert sie der Zahlungsdienst. "
        "Das Geld kommt von selbst zu Ihnen zurück.",
        "refunding": "Für eine Stornierung war es zu spät. Die Belastung wird Ihnen erstattet.",
        "needs_attention": "Falls Ihre Wallet eine Belastung zeigt, wird sie erstattet. Das "
        "Geschäft ist verständigt. Bewahren Sie diesen Beleg auf.",
        "cancelled": "Die Zahlung wurde storniert. Falls Ihre Wallet eine Belastung zeigte, wurde "
        "sie zurückgegeben.",
        "returned": "Die Belastung wurde Ihnen erstattet.",
        "written_off": "Das Geschäft hat diese Zahlung von Hand abgeschlossen. Falls Ihre Wallet "
        "eine Belastung zeigt, fragen Sie dort mit diesem Beleg nach.",
    },
    "en": {
        "paid title": "Payment receipt",
        "refund title": "REFUND",
        "not_paid title": "NOT PAID",
        "order_code title": "SCAN TO PAY",
        "order_ref": "Order",
        "amount": "Amount",
        "refund amount": "Refunded",
        "method": "Paid with",
        "refund method": "Refunded with",
        "not_paid method": "Payment with",
        "order_code method": "Payment with",
        "time": "Time",
        "time not set": "time not set",
        "terminal": "Terminal",
        "payment": "Payment request ID",
        "antom_payment_id": "Antom payment ID",
        "refund": "Refund request ID",
        "antom_refund_id": "Antom refund ID",
        "original title": "Original payment",
        "payment_amount": "Amount paid",
        "payment_time": "Paid at",
        "expires": "Valid until",
        "order_code notice": "Scan this code with your wallet app. This slip is not a receipt.",
        "failed": "No money was taken.",
        "cancelling": "If your wallet shows a charge, it is being cancelled. The money comes back "
        "to you by itself.",
        "cancel_queued": "If your wallet shows a charge, it will be cancelled as soon as the "
        "connection allows. The money comes back to you by itself. Keep this slip until then.",
        "handed_over": "If your wallet shows a charge, the payment service is cancelling it. The "
        "money comes back to you by itself.",
        "refunding": "It was too late to cancel the charge. It is being returned to you by a "
        "refund.",
        "needs_attention": "If your wallet shows a charge, it is to be returned to you. The shop "
        "has been told to see to it. Keep this slip.",
        "cancelled": "The payment was cancelled. If your wallet showed a charge, it has been "
        "returned to you.",
        "returned": "The charge was returned to you by a refund.",
        "written_off": "The shop has closed this payment by hand. If your wallet shows a charge, "
        "ask the shop and show this slip.",
    },
    "es": {
        "paid title": "Recibo de pago",
        "refund title": "REEMBOLSO",
        "not_paid title": "NO PAGADO",
        "order_code title": "ESCANEE PARA PAGAR",
        "order_ref": "Pedido",
        "amount": "Importe",
        "refund amount": "Reembolsado",
        "method": "Pagado con",
        "refund method": "Reembolsado con",
        "not_paid method": "Pago con",
        "order_code method": "Pago con",
        "time": "Hora",
        "time not set": "hora no ajustada",
        "terminal": "Terminal",
        "payment": "ID de solicitud de pago",
        "antom_payment_id": "ID de pago de Antom",
        "refund": "ID de solicitud de reembolso",
        "antom_refund_id": "ID de reembolso de Antom",
        "original title": "Pago original",
        "payment_amount": "Importe pagado",
        "payment_time": "Pagado el",
        "expires": "Válido hasta",
        "order_code notice": "Escanee este código con su aplicación de pago. Este papel no es un "
        "recibo.",
        "failed": "No se ha cobrado nada.",
        "cancelling": "Si su monedero muestra un cargo, se está anulando. El dinero le vuelve "
        "automáticamente.",
        "cancel_queued": "Si su monedero muestra un cargo, se anulará en cuanto la conexión lo "
        "permita. El dinero le volverá automáticamente. Guarde este papel hasta entonces.",
        "handed_over": "Si su monedero muestra un cargo, el servicio de pago lo está anulando. El "
        "dinero le vuelve automáticamente.",
        "refunding": "Era demasiado tarde para anular el cargo. Se le devuelve mediante un "
        "reembolso.",
        "needs_attention": "Si su monedero muestra un cargo, se le tiene que devolver. La tienda "
        "está avisada y se ocupa de ello. Guarde este papel.",
        "cancelled": "El pago se anuló. Si su monedero mostraba un cargo, se le ha devuelto.",
        "returned": "El cargo se le ha devuelto mediante un reembolso.",
        "written_off": "La tienda ha cerrado este pago manualmente. Si su monedero muestra un "
        "cargo, pregunte en la tienda con este papel.",
    },
    "fr": {
        "paid title": "Reçu de paiement",
        "refund title": "REMBOURSEMENT",
        "not_paid title": "NON PAYÉ",
        "order_code title": "SCANNER POUR PAYER",
        "order_ref": "Commande",
        "amount": "Montant",
        "refund amount": "Remboursé",
        "method": "Payé avec",
        "refund method": "Remboursé avec",
        "not_paid method": "Paiement avec",
        "order_code method": "Paiement avec",
        "time": "Heure",
        "time not set": "heure non réglée",
        "terminal": "Terminal",
        "payment": "ID de demande de paiement",
        "antom_payment_id": "ID de paiement Antom",
        "refund": "ID de demande de remboursement",
        "antom_refund_id": "ID de remboursement Antom",
        "original title": "Paiement d'origine",
        "payment_amount": "Montant payé",
        "payment_time": "Payé le",
        "expires": "Valable jusqu'à",
        "order_code notice": "Scannez ce code avec votre application de paiement. Ce ticket n'est "
        "pas un reçu.",
        "failed": "Aucun montant n'a été débité.",
        "cancelling": "Si votre portefeuille affiche un débit, son annulation est en cours. "
        "L'argent vous est rendu automatiquement.",
        "cancel_queued": "Si votre portefeuille affiche un débit, il sera annulé dès que la "
        "connexion le permettra. L'argent vous sera rendu automatiquement. Conservez ce ticket "
        "jusque-là.",
        "handed_over": "Si votre portefeuille affiche un débit, le service de paiement l'annule. "
        "L'argent vous est rendu automatiquement.",
        "refunding": "Il était trop tard pour annuler le débit. Il vous est remboursé.",
        "needs_attention": "Si votre portefeuille affiche un débit, il doit vous être rendu. Le "
        "magasin est prévenu et s'en occupe. Conservez ce ticket.",
        "cancelled": "Le paiement a été annulé. Si votre portefeuille affichait un débit, il vous "
        "a été rendu.",
        "returned": "Le débit vous a été remboursé.",
        "written_off": "Le magasin a clos ce paiement manuellement. Si votre portefeuille affiche "
        "un débit, adressez-vous au magasin avec ce ticket.",
    },
    "it": {
        "paid title": "Ricevuta di pagamento",
        "refund title": "RIMBORSO",
        "not_paid title": "NON PAGATO",
        "order_code title": "SCANSIONA E PAGA",
        "order_ref": "Ordine",
        "amount": "Importo",
        "refund amount": "Rimborsato",
        "method": "Pagato con",
        "refund method": "Rimborsato con",
        "not_paid method": "Pagamento con",
        "order_code method": "Pagamento con",
        "time": "Ora",
        "time not set": "ora non impostata",
        "terminal": "Terminale",
        "payment": "ID richiesta di pagamento",
        "antom_payment_id": "ID pagamento Antom",
        "refund": "ID richiesta di rimborso",
        "antom_refund_id": "ID rimborso Antom",
        "original title": "Pagamento originale",
        "payment_amount": "Importo pagato",
        "payment_time": "Pagato il",
        "expires": "Valido fino a",
        "order_code notice": "Scansioni questo codice con la Sua app di pagamento. Questo foglio "
        "non è una ricevuta.",
        "failed": "Non è stato addebitato nulla.",
        "cancelling": "Se il Suo portafoglio mostra un addebito, lo stiamo annullando. Il denaro "
        "torna a Lei automaticamente.",
        "cancel_queued": "Se il Suo portafoglio mostra un addebito, sarà annullato appena la "
        "connessione lo permette. Il denaro tornerà a Lei automaticamente. Conservi questo foglio "
        "fino ad allora.",
        "handed_over": "Se il Suo portafoglio mostra un addebito, il servizio di pagamento lo sta "
        "annullando. Il denaro torna a Lei automaticamente.",
        "refunding": "Era troppo tardi per annullare l'addebito. Le viene restituito con un "
        "rimborso.",
        "needs_attention": "Se il Suo portafoglio mostra un addebito, deve esserLe restituito. Il "
        "negozio è avvisato e se ne occupa. Conservi questo foglio.",
        "cancelled": "Il pagamento è stato annullato. Se il Suo portafoglio mostrava un addebito, "
        "Le è stato restituito.",
        "returned": "L'addebito Le è stato restituito con un rimborso.",
        "written_off": "Il negozio ha chiuso questo pagamento a mano. Se il Suo portafoglio "
        "mostra un addebito, si rivolga al negozio con questo foglio.",
    },
    "ja": {
        "paid title": "お支払い控え",
        "refund title": "返金",
        "not_paid title": "お支払い未完了",
        "order_code title": "読み取ってお支払い",
        "order_ref": "注文",
        "amount": "金額",
        "refund amount": "返金額",
        "method": "お支払い方法",
        "refund method": "返金方法",
        "not_paid method": "お支払い方法",
        "order_code method": "お支払い方法",
        "time": "日時",
        "time not set": "時刻未設定",
        "terminal": "端末",
        "payment": "支払リクエストID",
        "antom_payment_id": "Antom 支払ID",
        "refund": "返金リクエストID",
        "antom_refund_id": "Antom 返金ID",
        "original title": "元のお支払い",
        "payment_amount": "お支払い額",
        "payment_time": "お支払い日時",
        "expires": "有効期限",
        "order_code notice": "このコードをウォレットアプリで読み取ってください。これは領収書ではあ"
        "りません。",
        "failed": "代金は引き落とされていません。",
        "cancelling": "ウォレットに引き落としが表示されている場合、現在取り消し中です。代金は自動"
        "的に戻ります。",
        "cancel_queued": "ウォレットに引き落としが表示されている場合、通信が回復しだい取り消されま"
        "す。代金は自動的に戻ります。それまでこの控えを保管してください。",
        "handed_over": "ウォレットに引き落としが表示されている場合、決済サービスが取り消します。代"
        "金は自動的に戻ります。",
        "refunding": "取り消しの期限を過ぎたため、代金は返金によって戻ります。",
        "needs_attention": "ウォレットに引き落としが表示されている場合、代金は返金されます。店舗に"
        "連絡済みです。この控えを保管してください。",
        "cancelled": "お支払いは取り消されました。引き落としが表示されていた場合、代金は戻されてい"
        "ます。",
        "returned": "代金は返金されました。",
        "written_off": "店舗がこのお支払いを手動で終了しました。ウォレットに引き落としが表示されて"
        "いる場合は、この控えを店舗にお見せください。",
    },
    "nl": {
        "paid title": "Betaalbewijs",
        "refund title": "TERUGBETALING",
        "not_paid title": "NIET BETAALD",
        "order_code title": "SCAN OM TE BETALEN",
        "order_ref": "Bestelling",
        "amount": "Bedrag",
        "refund amount": "Terugbetaald",
        "method": "Betaald met",
        "refund method": "Terugbetaald met",
        "not_paid method": "Betaling met",
        "order_code method": "Betaling met",
        "time": "Tijd",
        "time not set": "tijd niet ingesteld",
        "terminal": "Terminal",
        "payment": "Betaalverzoek-ID",
        "antom_payment_id": "Antom-betalings-ID",
        "refund": "Terugbetaalverzoek-ID",
        "antom_refund_id": "Antom-terugbetalings-ID",
        "original title": "Oorspronkelijke betaling",
        "payment_amount": "Betaald bedrag",
        "payment_time": "Betaald op",
        "expires": "Geldig tot",
        "order_code notice": "Scan deze code met uw betaalapp. Dit is geen betaalbewijs.",
        "failed": "Er is geen geld afgeschreven.",
        "cancelling": "Als uw wallet een afschrijving toont, wordt die nu geannuleerd. Het geld "
        "komt vanzelf bij u terug.",
        "cancel_queued": "Als uw wallet een afschrijving toont, wordt die geannuleerd zodra de "
        "verbinding het toelaat. Het geld komt vanzelf bij u terug. Bewaar deze bon tot dan.",
        "handed_over": "Als uw wallet een afschrijving toont, annuleert de betaaldienst die. Het "
        "geld komt vanzelf bij u terug.",
        "refunding": "Het was te laat om de afschrijving te annuleren. Het bedrag wordt aan u "
        "terugbetaald.",
        "needs_attention": "Als uw wallet een afschrijving toont, moet die aan u worden "
        "terugbetaald. De winkel is ingelicht en zorgt ervoor. Bewaar deze bon.",
        "cancelled": "De betaling is geannuleerd. Als uw wallet een afschrijving toonde, is het "
        "geld teruggegeven.",
        "returned": "Het bedrag is aan u terugbetaald.",
        "written_off": "De winkel heeft deze betaling met de hand afgesloten. Als uw wallet een "
        "afschrijving toont, vraag het dan in de winkel met deze bon.",
    },
    "pl": {
        "paid title": "Potwierdzenie płatności",
        "refund title": "ZWROT",
        "not_paid title": "NIE ZAPŁACONO",
        "order_code title": "ZESKANUJ I ZAPŁAĆ",
        "order_ref": "Zamówienie",
        "amount": "Kwota",
        "refund amount": "Zwrócono",
        "method": "Zapłacono przez",
        "refund method": "Zwrócono przez",
        "not_paid method": "Płatność przez",
        "order_code method": "Płatność przez",
        "time": "Czas",
        "time not set": "czas nieustawiony",
        "terminal": "Terminal",
        "payment": "ID żądania płatności",
        "antom_payment_id": "ID płatności Antom",
        "refund": "ID żądania zwrotu",
        "antom_refund_id": "ID zwrotu Antom",
        "original title": "Pierwotna płatność",
        "payment_amount": "Zapłacona kwota",
        "payment_time": "Zapłacono",
        "expires": "Ważne do",
        "order_code notice": "Zeskanuj ten kod aplikacją płatniczą. To nie jest potwierdzenie "
        "zapłaty.",
        "failed": "Nie pobrano pieniędzy.",
        "cancelling": "Jeśli portfel pokazuje obciążenie, jest ono właśnie anulowane. Pieniądze "
        "wrócą do Państwa same.",
        "cancel_queued": "Jeśli portfel pokazuje obciążenie, zostanie ono anulowane, gdy tylko "
        "pozwoli na to połączenie. Pieniądze wrócą do Państwa same. Do tego czasu prosimy "
        "zachować ten wydruk.",
        "handed_over": "Jeśli portfel pokazuje obciążenie, anuluje je operator płatności. "
        "Pieniądze wrócą do Państwa same.",
        "refunding": "Na anulowanie obciążenia było za późno. Kwota jest zwracana.",
        "needs_attention": "Jeśli portfel pokazuje obciążenie, kwota zostanie zwrócona. Sklep "
        "został powiadomiony i się tym zajmie. Prosimy zachować ten wydruk.",
        "cancelled": "Płatność anulowano. Jeśli portfel pokazywał obciążenie, kwota została "
        "zwrócona.",
        "returned": "Kwota została Państwu zwrócona.",
        "written_off": "Sklep zamknął tę płatność ręcznie. Jeśli portfel pokazuje obciążenie, "
        "prosimy zapytać w sklepie i pokazać ten wydruk.",
    },
    "zh": {
        "paid title": "付款凭证",
        "refund title": "退款",
        "not_paid title": "未支付",
        "order_code title": "扫码付款",
        "order_ref": "订单",
        "amount": "金额",
        "refund amount": "退款金额",
        "method": "付款方式",
        "refund method": "退款方式",
        "not_paid method": "付款方式",
        "order_code method": "付款方式",
        "time": "时间",
        "time not set": "时间未设置",
        "terminal": "终端",
        "payment": "付款请求号",
        "antom_payment_id": "Antom 付款号",
        "refund": "退款请求号",
        "antom_refund_id": "Antom 退款号",
        "original title": "原付款",
        "payment_amount": "已付金额",
        "payment_time": "付款时间",
        "expires": "有效期至",
        "order_code notice": "请用您的钱包应用扫描此码。本单不是付款凭证。",
        "failed": "未扣款。",
        "cancelling": "如果您的钱包显示已扣款，该款项正在撤销，钱会自动退还给您。",
        "cancel_queued": "如果您的钱包显示已扣款，网络恢复后将立即撤销，钱会自动退还给您。在此之前"
        "请保留此单。",
        "handed_over": "如果您的钱包显示已扣款，支付服务方正在撤销，钱会自动退还给您。",
        "refunding": "该款项已无法撤销，正在通过退款退还给您。",
        "needs_attention": "如果您的钱包显示已扣款，该款项应退还给您。商店已接到通知并会处理。请保"
        "留此单。",
        "cancelled": "付款已撤销。如果您的钱包曾显示扣款，该款项已退还。",
        "returned": "该款项已通过退款退还给您。",
        "written_off": "商店已人工关闭此笔付款。如果您的钱包显示已扣款，请持此单向商店查询。",
    },
}
LANGUAGES = tuple(sorted(WORDS))
