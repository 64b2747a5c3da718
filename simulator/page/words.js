// Every word on the page, in English and Japanese, and which of the two is spoken now.
// {0}, {1} ... are filled in. Of faults the English explanation comes from the simulator, with its ranges.

const LANGUAGES = ["en", "ja"];

const WORDS = {
  title: ["simulator", "シミュレーター"],
  language: ["Language", "言語"],
  skip: ["Skip to the conversation", "会話へ移動"],
  live: ["Live", "接続中"],
  connecting: ["Connecting …", "接続しています…"],
  connection_lost: ["Connection lost", "接続が切れました"],
  connection_lost_long: [
    "The simulator does not answer. What is shown may be out of date; trying again …",
    "シミュレーターが応答しません。表示内容は古い可能性があります。再接続しています…",
  ],
  events_lost: [
    "{0} events were left out because there were too many; everything else was fetched anew.",
    "イベントが多すぎるため {0} 件を省略しました。表示は取得し直しました。",
  ],
  totals: ["Parts {0} · messages {1}", "パート {0}・メッセージ {1}"],
  controls: ["Sessions, sending and faults", "セッション・送信・障害"],

  phones: ["Phones", "電話"],
  find: ["Find or open a number", "番号を検索・開く"],
  no_phones: [
    "No phone has got a message yet. Bind to the SMPP port and submit one.",
    "まだ受信した電話がありません。SMPP ポートに bind して送信してください。",
  ],

  conversation: ["Conversation with {0}", "{0} の会話"],
  no_conversation: ["Conversation", "会話"],
  choose_phone: ["Choose a phone to see what it received.", "電話を選ぶと、受信した内容が表示されます。"],
  no_messages: ["Nothing was sent to or from {0} yet.", "{0} の送受信はまだありません。"],
  show_parts: ["Show parts", "パートを表示"],
  from_app: ["From {0}", "{0} から"],
  from_phone: ["To {0}", "{0} へ"],
  arrived: ["New message from {0}: {1}", "{0} から新着: {1}"],
  left_phone: ["Sent to {0}: {1}", "{0} へ送信: {1}"],
  unreadable: ["(not readable as text; see its parts)", "（文字として読めません。パートを参照）"],
  parts: ["{0} parts", "{0} パート"],
  incomplete: ["incomplete: {0} of {1} parts", "未完了: {1} パート中 {0}"],

  part: ["Part {0} of {1}", "パート {0} / {1}"],
  only_part: ["One part", "単一パート"],
  reference: ["Reference", "参照番号"],
  coding: ["Coding", "符号化"],
  units: ["Length", "長さ"],
  septets: ["{0} septets", "{0} セプテット"],
  utf16_units: ["{0} UTF-16 units", "{0} UTF-16 単位"],
  octets: ["{0} octets", "{0} オクテット"],
  state: ["State", "状態"],
  message_id: ["message_id", "message_id"],
  session: ["Session", "セッション"],
  udh: ["User data header", "ユーザーデータヘッダー"],
  body_octets: ["Octets", "オクテット列"],
  octets_left_out: ["… {0} more octets", "…ほか {0} オクテット"],
  udh_length: ["header length: {0}", "ヘッダー長: {0}"],
  udh_concat8: ["element: concatenation, 8-bit reference", "要素: 連結（8 ビット参照）"],
  udh_concat16: ["element: concatenation, 16-bit reference", "要素: 連結（16 ビット参照）"],
  udh_element: ["element {0}", "要素 {0}"],
  udh_element_length: ["element length: {0}", "要素長: {0}"],
  udh_reference: ["reference: {0}", "参照番号: {0}"],
  udh_total: ["parts in all: {0}", "全パート数: {0}"],
  udh_number: ["this part: {0}", "このパート: {0}"],
  udh_value: ["value", "値"],
  udh_broken: ["does not fit the header", "ヘッダーに収まらない"],

  "verdict.undecodable": ["not decodable", "復号できない"],
  "verdict.character_cut": ["character cut", "文字の途中で分割"],
  "verdict.cluster_cut": ["grapheme cut", "書記素の途中で分割"],
  "verdict.reference_clash": ["reference clash", "参照番号の衝突"],
  "verdict.two_binds": ["over two binds", "複数 bind に分散"],
  "verdict.seen_twice": ["seen twice", "重複"],
  "verdict.never_completed": ["never completed", "完了せず"],

  sessions: ["Sessions", "セッション"],
  no_sessions: ["Nobody is connected.", "接続はありません。"],
  unbound: ["(not bound)", "（未 bind）"],
  transmitter: ["transmitter", "送信専用"],
  receiver: ["receiver", "受信専用"],
  transceiver: ["transceiver", "送受信"],
  window: ["Window: {0} of {1} unanswered", "ウィンドウ: 未応答 {0} / {1}"],
  rate: ["{0} parts/s", "{0} パート/秒"],
  taken: ["taken {0}", "受理 {0}"],
  refused: ["refused {0}", "拒否 {0}"],
  strike: ["Strike session {0}", "セッション {0} に障害を起こす"],
  strike_seconds: ["Seconds", "秒"],
  strike_octets: ["Octets per second", "オクテット/秒"],
  struck: ["{0}: {1} connection(s) struck", "{0}: {1} 接続に実行"],
  "strike.close": ["Close", "切断"],
  "strike.unbind": ["Unbind", "unbind する"],
  "strike.half_open": ["Go silent", "無応答にする"],
  "strike.cut": ["Close inside a PDU", "PDU の途中で切断"],
  "strike.garbage": ["Send garbage", "不正データを送る"],
  "strike.wrong_length": ["Wrong length", "長さの誤った PDU"],
  "strike.slow": ["Read slowly", "遅く読む"],

  mo: ["Send from a phone", "電話から送信"],
  mo_from: ["From (phone)", "送信元（電話）"],
  mo_to: ["To (service)", "宛先（サービス）"],
  mo_text: ["Text", "本文"],
  mo_length: ["{0} characters, {1} UTF-16 units", "{0} 文字、UTF-16 で {1} 単位"],
  mo_coding: ["Coding", "符号化"],
  mo_form: ["Long as", "分割方法"],
  mo_account: ["Account", "アカウント"],
  mo_any: ["any receiver", "受信できる任意のもの"],
  mo_shuffle: ["Parts in another order", "パートの順序を入れ替える"],
  mo_send: ["Send", "送信"],
  mo_keys: ["or Ctrl+Enter", "または Ctrl+Enter"],
  mo_sent: ["Sent in {0} part(s).", "{0} パートで送信しました。"],
  "form.udh8": ["UDH, 8-bit reference", "UDH（8 ビット参照）"],
  "form.udh16": ["UDH, 16-bit reference", "UDH（16 ビット参照）"],
  "form.sar": ["SAR parameters", "SAR パラメーター"],
  "form.payload": ["message_payload", "message_payload"],
  "coding.auto": ["automatic", "自動"],

  faults: ["Faults", "障害"],
  phase: ["Phase: {0}", "フェーズ: {0}"],
  phase_left: ["Phase: {0}, {1} s left", "フェーズ: {0}（残り {1} 秒）"],
  find_fault: ["Find a fault", "障害を検索"],
  reset_all: ["Reset all", "すべて戻す"],
  reset_one: ["Reset {0}", "{0} を元に戻す"],
  reset: ["Reset", "戻す"],
  changed_count: ["{0} changed", "{0} 件変更"],
  faults_reset: ["All faults are as the scenario says.", "障害はすべてシナリオどおりです。"],
  fault_set: ["{0} = {1}", "{0} = {1}"],
  nothing: ["(nothing)", "（なし）"],
  "group.answers": ["Answers", "応答"],
  "group.receipts": ["Receipts", "配信レシート"],
  "group.link": ["Link", "接続"],

  log: ["PDU log", "PDU ログ"],
  log_open: ["Record", "記録"],
  log_pause: ["Pause", "一時停止"],
  log_clear: ["Clear", "消去"],
  log_filter: ["Name", "名前"],
  log_count: ["{0} of {1} PDUs", "{1} 件中 {0} 件"],
  log_waiting: ["{0} of {1} PDUs, {2} more held back", "{1} 件中 {0} 件（保留 {2} 件）"],
  log_off: ["not recording", "記録していません"],
  received: ["received", "受信"],
  sent: ["sent", "送信"],
  no_pdu: ["(no PDU)", "（PDU でない）"],
  length: ["length", "長さ"],
  sequence: ["sequence", "シーケンス"],
  status: ["status", "ステータス"],

  failed: ["That did not work: {0}", "失敗しました: {0}"],
  unreachable: ["the simulator does not answer", "シミュレーターが応答しません"],

  "fault.answers.latency": [null, "submit_sm から応答までの秒数。min=, max= または median=, p99= も可。"],
  "fault.answers.lose_rate": [null, "応答を返さない確率 0〜1。パートは受理される。"],
  "fault.answers.late_rate": [null, "応答が late_by 秒遅れる確率 0〜1。"],
  "fault.answers.late_by": [null, "遅れる応答の遅延秒数。"],
  "fault.answers.double_rate": [null, "応答を 2 回送る確率 0〜1。"],
  "fault.answers.reorder_rate": [null, "応答を同じ接続の次の応答の後まで遅らせる確率 0〜1。"],
  "fault.answers.statuses": [null, "エラーとその確率。例: RTHROTTLED=0.01, 0x00000400=0.02"],
  "fault.answers.parts_per_second": [null, "1 秒に受理するパート数。0 は無制限。"],
  "fault.answers.throttle_per": [null, "parts_per_second の単位: bind（接続ごと）または account。"],
  "fault.answers.throttle_status": [null, "parts_per_second を超えたときのエラー。"],
  "fault.answers.queue_limit": [null, "未完了パート数の上限。超えると RMSGQFUL。0 は無制限。"],
  "fault.answers.id_form": [null, "message_id の表記: decimal（10 桁）、hex、HEX、padded、uuid。"],
  "fault.answers.short_charset": [null, "短い単一パートに使える文字集合: shift_jis、cp932。空は制限なし。"],
  "fault.answers.short_units": [null, "short_charset の対象となる最大長（UTF-16 単位）。"],
  "fault.answers.short_status": [null, "short_charset で書けない場合のエラー。"],
  "fault.receipts.delay": [null, "submit_sm からパートの最終状態までの秒数。min=, max= または median=, p99= も可。"],
  "fault.receipts.states": [null, "最終状態とその重み。例: DELIVRD=97, UNDELIV=3"],
  "fault.receipts.error": [null, "失敗時にレシートが示すエラーコード（3 桁）。"],
  "fault.receipts.missing_rate": [null, "レシートが届かない確率 0〜1。"],
  "fault.receipts.early_rate": [null, "submit_sm の応答より先にレシートを送る確率 0〜1。"],
  "fault.receipts.double_rate": [null, "レシートをもう一度送る確率 0〜1。"],
  "fault.receipts.reorder_rate": [null, "レシートが後のパートより遅れる確率 0〜1。"],
  "fault.receipts.other_bind_rate": [null, "同じアカウントの別の bind にレシートを送る確率 0〜1。"],
  "fault.receipts.intermediate_rate": [null, "レシートの前に ENROUTE 通知を送る確率 0〜1。"],
  "fault.receipts.id_form": [null, "レシートの message_id の表記: same、decimal、hex、HEX、stripped、padded。"],
  "fault.receipts.text": [null, "レシート本文の形式: standard、capital_text、short、long_dates、no_text、empty、utf16、failed。"],
  "fault.receipts.tlvs": [null, "receipted_message_id と message_state をオプションパラメーターでも送る。"],
  "fault.receipts.data_coding": [null, "レシートが名乗る data_coding（0〜255）。"],
  "fault.receipts.by_data_sm": [null, "レシートを deliver_sm ではなく data_sm で送る。"],
  "fault.link.refuse_bind": [null, "すべての bind に返すエラー。空なら受け付ける。"],
  "fault.link.close_rate": [null, "接続を黙って閉じる毎秒の確率 0〜1。"],
  "fault.link.unbind_rate": [null, "SMSC が unbind する毎秒の確率 0〜1。"],
  "fault.link.half_open_rate": [null, "SMSC が読み書きを止める毎秒の確率 0〜1。"],
  "fault.link.half_open_for": [null, "再開までの秒数。"],
  "fault.link.cut_rate": [null, "PDU の途中で接続を閉じる毎秒の確率 0〜1。"],
  "fault.link.slow_read": [null, "SMSC が 1 秒に読むオクテット数。0 は制限なし。"],
  "fault.link.garbage_rate": [null, "PDU でないデータを送る毎秒の確率 0〜1。"],
  "fault.link.wrong_length_rate": [null, "command_length の誤った PDU を送る毎秒の確率 0〜1。"],
  "fault.link.ignore_enquire_link": [null, "enquire_link に応答しない。"],
  "fault.link.idle_close": [null, "ESME から何も届かないと接続を閉じるまでの秒数。0 は閉じない。"],
};

let spoken = navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en";

export const language = () => spoken;

/** The word for a key; the fallback, or the key itself, where there is none. */
export function word(key, ...values) {
  return wordOr(key, key, ...values);
}

export function wordOr(key, fallback, ...values) {
  const found = Object.hasOwn(WORDS, key) ? WORDS[key][LANGUAGES.indexOf(spoken)] : null;
  return (found ?? fallback).replace(/\{(\d)\}/g, (_, n) => String(values[n]));
}

/** Speak a language, and put its words wherever the page has none but keys. */
export function speak(name) {
  spoken = name;
  document.documentElement.lang = name;
  document.title = `denpo ${word("title")}`;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
  for (const each of document.querySelectorAll("[data-hint]")) each.placeholder = word(each.dataset.hint);
  for (const each of document.querySelectorAll("[data-language]")) {
    each.setAttribute("aria-pressed", String(each.dataset.language === name));
  }
}

export const count = (number) => Number(number ?? 0).toLocaleString(spoken);

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(spoken, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}
