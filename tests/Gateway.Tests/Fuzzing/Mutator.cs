using System.Text;

namespace Gateway.Tests.Fuzzing;

/// <summary>Changes inputs as a reader might meet them: bits, bytes, pieces lost, doubled and moved, pieces of other inputs, and the numbers that break arithmetic.</summary>
internal sealed class Mutator(Random random, IReadOnlyList<byte[]> corpus)
{
    private const int LongestInput = 4096;

    private static readonly byte[][] Pieces =
    [
        .. ((string[])["\0", "\r\n", "\t", " ", ";", "=", ",", "|", "\"", "\\", "/", "//", "..", "%00", "%2F", "%zz", "@", ":", "[", "]", "{", "}", "[]", "{}", "null", "true", "-1", "0", "1e999", "9223372036854775808",
            "99999999999999999999", "2147483648", "\u00e9", "\ud83d\ude00", "gateway", "__Host-gateway", "\"id\":", "\"state\":", "9999-12-31T23:59:59.9999999+00:00", "0001-01-01T00:00:00+14:00"]).Select(Encoding.UTF8.GetBytes),
        [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x80, 0, 0, 0, 0, 0, 0, 0],
    ];

    public byte[] Next()
    {
        var input = Pick(corpus).ToList();
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            Change(input);
        }

        return [.. input.Take(LongestInput)];
    }

    private void Change(List<byte> input)
    {
        var at = random.Next(input.Count + 1);
        var length = Math.Min(input.Count - at, random.Next(1, 12));
        switch (random.Next(9))
        {
            case 0 when input.Count > 0:
                input[at % input.Count] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when input.Count > 0:
                input[at % input.Count] = (byte)random.Next(256);
                break;
            case 2:
                input.RemoveRange(at, length);
                break;
            case 3:
                input.RemoveRange(at, input.Count - at);
                break;
            case 4:
                input.InsertRange(random.Next(input.Count + 1), input.GetRange(at, length));
                break;
            case 5:
                input.InsertRange(at, Pick(Pieces));
                break;
            case 6:
                var other = Pick(corpus);
                var from = random.Next(other.Length + 1);
                input.InsertRange(at, other.AsSpan(from, random.Next(other.Length - from + 1)).ToArray());
                break;
            case 7:
                input.InsertRange(at, Enumerable.Repeat(at > 0 ? input[at - 1] : (byte)'A', random.Next(1, 200)));
                break;
            default:
                input.Insert(at, (byte)random.Next(256));
                break;
        }
    }

    private T Pick<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];
}
