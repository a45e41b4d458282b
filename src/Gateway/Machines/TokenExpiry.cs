using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;

namespace Gateway.Machines;

/// <summary>
/// When a token of the platform ends. A macaroon says so itself, in a caveat anybody may read (superfly/macaroon): MessagePack of [nonce, location, caveats, tail], the caveats each a type and a body in turn;
/// type 4 is the window it is valid in, [not before, not after] in seconds.
/// </summary>
internal static class TokenExpiry
{
    private const int CaveatsAt = 2;
    private const ulong ValidityWindow = 4;
    private const int Deepest = 16;

    /// <summary>The earliest end of all parts of the token, since each is needed; null: none says, or it is no macaroon that can be read.</summary>
    public static DateTimeOffset? Of(string token)
    {
        var ends = MachinesToken.Bare(token).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).SelectMany(EndsOf).ToList();
        return ends.Count == 0 ? null : DateTimeOffset.FromUnixTimeSeconds(ends.Min());
    }

    private static IEnumerable<long> EndsOf(string part)
    {
        var bar = part.IndexOf('_', StringComparison.Ordinal);
        if (bar < 0 || !part.StartsWith("fm", StringComparison.Ordinal))
        {
            return [];
        }

        var text = part[(bar + 1)..].Replace('-', '+').Replace('_', '/').TrimEnd('=');
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='), bytes, out var length) ? Read(bytes.AsSpan(0, length)) : [];
    }

    private static List<long> Read(ReadOnlySpan<byte> macaroon)
    {
        var ends = new List<long>();
        try
        {
            var at = 0;
            var parts = ReadArray(macaroon, ref at);
            for (var part = 0; part < parts; part++)
            {
                if (part != CaveatsAt)
                {
                    Skip(macaroon, ref at, 0);
                    continue;
                }

                for (var caveats = ReadArray(macaroon, ref at) / 2; caveats > 0; caveats--)
                {
                    if (ReadNumber(macaroon, ref at) != ValidityWindow)
                    {
                        Skip(macaroon, ref at, 0);
                        continue;
                    }

                    for (var (bounds, i) = (ReadArray(macaroon, ref at), 0); i < bounds; i++)
                    {
                        // Of the two bounds the second is the end.
                        var bound = ReadNumber(macaroon, ref at);
                        if (i == 1 && bound is > 0 and < 253_402_300_800)
                        {
                            ends.Add((long)bound);
                        }
                    }
                }
            }
        }
        catch (Exception fault) when (fault is ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            // No macaroon, or one of another make: what was read of it before may still be true.
        }

        return ends;
    }

    private static int ReadArray(ReadOnlySpan<byte> from, ref int at) => from[at++] switch
    {
        >= 0x90 and <= 0x9f and var tag => tag & 0x0f,
        0xdc => (int)Take(from, ref at, 2),
        0xdd => checked((int)Take(from, ref at, 4)),
        _ => throw new FormatException(),
    };

    private static ulong ReadNumber(ReadOnlySpan<byte> from, ref int at) => from[at++] switch
    {
        <= 0x7f and var tag => tag,
        0xcc or 0xd0 => Take(from, ref at, 1),
        0xcd or 0xd1 => Take(from, ref at, 2),
        0xce or 0xd2 => Take(from, ref at, 4),
        0xcf or 0xd3 => Take(from, ref at, 8),
        _ => throw new FormatException(),
    };

    private static void Skip(ReadOnlySpan<byte> from, ref int at, int depth)
    {
        if (depth > Deepest)
        {
            throw new FormatException();
        }

        var tag = from[at++];
        var (bytes, parts) = tag switch
        {
            <= 0x7f or 0xc0 or 0xc2 or 0xc3 or >= 0xe0 => (0UL, 0UL),
            <= 0x8f => (0UL, 2UL * (tag & 0x0fUL)),
            <= 0x9f => (0UL, tag & 0x0fUL),
            <= 0xbf => (tag & 0x1fUL, 0UL),
            0xc4 or 0xd9 => (Take(from, ref at, 1), 0UL),
            0xc5 or 0xda => (Take(from, ref at, 2), 0UL),
            0xc6 or 0xdb => (Take(from, ref at, 4), 0UL),
            0xca or 0xce or 0xd2 => (4UL, 0UL),
            0xcb or 0xcf or 0xd3 => (8UL, 0UL),
            0xcc or 0xd0 => (1UL, 0UL),
            0xcd or 0xd1 => (2UL, 0UL),
            0xdc => (0UL, Take(from, ref at, 2)),
            0xdd => (0UL, Take(from, ref at, 4)),
            0xde => (0UL, 2 * Take(from, ref at, 2)),
            0xdf => (0UL, 2 * Take(from, ref at, 4)),
            >= 0xd4 and <= 0xd8 => (1 + (1UL << (tag - 0xd4)), 0UL),
            0xc7 => (1 + Take(from, ref at, 1), 0UL),
            0xc8 => (1 + Take(from, ref at, 2), 0UL),
            0xc9 => (1 + Take(from, ref at, 4), 0UL),
            _ => throw new FormatException(),
        };
        at = checked((int)((ulong)at + bytes));
        for (; parts > 0; parts--)
        {
            Skip(from, ref at, depth + 1);
        }
    }

    private static ulong Take(ReadOnlySpan<byte> from, ref int at, int length)
    {
        var bytes = from.Slice(at, length);
        at += length;
        return length switch
        {
            1 => bytes[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(bytes),
            4 => BinaryPrimitives.ReadUInt32BigEndian(bytes),
            _ => BinaryPrimitives.ReadUInt64BigEndian(bytes),
        };
    }
}

/// <summary>When the platform's token ends, so that somebody makes a new one before.</summary>
internal sealed class TokenMetrics
{
    public TokenMetrics(IMeterFactory meters, IOptions<MachinesOptions> options)
    {
        var expires = TokenExpiry.Of(MachinesToken.Of(options.Value))?.ToUnixTimeSeconds() ?? 0;
        meters.Create(GatewayTelemetry.MeterName).CreateObservableGauge("gateway.machines.token.expires", () => expires, "s", "When the platform's token ends, in Unix time, as it says itself; 0: it does not say.");
    }
}
