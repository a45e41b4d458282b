using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace Gateway.Operations.Console;

/// <summary>Text that is HTML already. Made of an interpolated string, in which every value is encoded unless it is HTML itself: forgetting to is not possible.</summary>
internal readonly struct Html
{
    public static readonly Html Empty = new("");

    private readonly string? _text;

    private Html(string text) => _text = text;

    public bool IsEmpty => string.IsNullOrEmpty(_text);

    public static Html Of(Handler text) => new(text.Written);

    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(static part => part.ToString())));

    public static Html Join<T>(IEnumerable<T> values, Func<T, Html> write) => Join(values.Select(write));

    public override string ToString() => _text ?? "";

    [InterpolatedStringHandler]
    internal readonly ref struct Handler(int literalLength, int formattedCount)
    {
        private readonly StringBuilder _built = new(literalLength + (formattedCount * 16));

        public string Written => _built.ToString();

        public void AppendLiteral(string value) => _built.Append(value);

        public void AppendFormatted(Html value) => _built.Append(value.ToString());

        public void AppendFormatted(string? value) => _built.Append(value is null ? "" : HtmlEncoder.Default.Encode(value));

        public void AppendFormatted<T>(T value) => AppendFormatted(value, null);

        public void AppendFormatted<T>(T value, string? format) =>
            AppendFormatted(value is IFormattable formattable ? formattable.ToString(format, CultureInfo.InvariantCulture) : value?.ToString());
    }
}
