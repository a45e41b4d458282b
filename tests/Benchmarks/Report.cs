using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Benchmarks;

/// <summary>The tables for people, the figures for programs, and a picture.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static async Task WriteAsync(string folder, Peers peers, IReadOnlyList<Row> rows)
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "benchmarks.md"), Markdown(peers, rows));
        await File.WriteAllTextAsync(Path.Combine(folder, "benchmarks.json"), JsonSerializer.Serialize(rows.Select(static row => new { row.Figure, row.Against, row.Measured.Median, row.Measured.Low, row.Measured.High, row.Measured.Rounds, row.Unit, row.Bar, row.Goal }), Indented));
        await File.WriteAllTextAsync(Path.Combine(folder, "benchmarks.svg"), Picture([.. rows.Where(static row => row.Figure == "CPU per small request").OrderBy(static row => row.Measured.Median)]));
    }

    public static string Markdown(Peers peers, IReadOnlyList<Row> rows)
    {
        var text = new StringBuilder("| peer | what it does for each request |\n|---|---|\n");
        foreach (var peer in peers.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {peer.Name} | {peer.Does} |\n");
        }

        foreach (var missing in peers.Missing)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {missing} | not installed, not measured |\n");
        }

        return text.Append('\n').Append(Table(rows)).ToString();
    }

    public static string Table(IReadOnlyList<Row> rows)
    {
        var text = new StringBuilder("| figure | measured (95 % interval of the median) | rounds | bar | goal | |\n|---|---|---|---|---|---|\n");
        foreach (var row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Figure} {row.Against} | {row.Measured.Median:0.00} {row.Unit} ({row.Measured.Low:0.00} to {row.Measured.High:0.00}) | {row.Measured.Rounds} | {row.Bar} | {row.Goal} | {row.Verdict} |\n");
        }

        return text.ToString();
    }

    private static string Picture(Row[] rows)
    {
        const int Left = 220, Width = 480, Height = 28;
        var most = rows.Max(static row => row.Measured.High);
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Width + 100}\" height=\"{(rows.Length * Height) + 40}\" font-family=\"sans-serif\" font-size=\"13\">\n<text x=\"8\" y=\"20\">CPU per small request, all processes in the path, backend excluded (µs)</text>\n"));
        for (var i = 0; i < rows.Length; i++)
        {
            var (row, y) = (rows[i], 32 + (i * Height));
            var length = row.Measured.Median / most * Width;
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 8}\" y=\"{y + 15}\" text-anchor=\"end\">{row.Against}</text><rect x=\"{Left}\" y=\"{y}\" width=\"{length:0}\" height=\"20\" fill=\"{(row.Against == Peers.Ours ? "#2a6" : "#89a")}\"/><text x=\"{Left + length + 6:0}\" y=\"{y + 15}\">{row.Measured.Median:0.0}</text>\n");
        }

        return text.Append("</svg>\n").ToString();
    }
}
