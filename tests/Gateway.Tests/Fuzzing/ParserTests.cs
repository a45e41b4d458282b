using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Gateway.Identity;
using Gateway.Machines;
using Gateway.Operations;
using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Gateway.Redis;
using Gateway.Sessions;
using Gateway.Tests.Machines;
using Gateway.Tests.Sessions;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.Tests.Fuzzing;

/// <summary>
/// The parsers we own, given the inputs in <c>Corpora</c> and thousands made of them: none throws what its callers do not expect, and what each promises holds. An
/// input that once broke one belongs into its corpus.
/// </summary>
public sealed class ParserTests(ITestOutputHelper output)
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly long Epoch = (Now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    [Fact]
    public void Frames_are_followed_alike_however_their_bytes_are_cut() => Fuzz("frames.hex", static (input, random) =>
    {
        var (whole, cut, cutData) = (new FrameReader(), new FrameReader(), false);
        var data = whole.Pass(input);
        for (var rest = input.AsSpan(); !rest.IsEmpty;)
        {
            var taken = random.Next(1, rest.Length + 1);
            cutData |= cut.Pass(rest[..taken]);
            rest = rest[taken..];
        }

        Assert.Equal((whole.AtBoundary, whole.Closed, data), (cut.AtBoundary, cut.Closed, cutData));
        Assert.Equal(Follow(input), (whole.AtBoundary, whole.Closed, data));
    });

    [Fact]
    public void No_cookie_of_ours_is_left_and_no_other_is_lost() => Fuzz("cookies.txt", static (input, _) =>
    {
        var header = Encoding.Latin1.GetString(input);
        var left = CookieHeader.Without(header, IdentityCookies.IsOurs);

        Assert.DoesNotContain(Names(left ?? header), static name => IdentityCookies.IsOurs(name));
        Assert.Equal(Names(header).Where(static name => !IdentityCookies.IsOurs(name)), Names(left ?? header));
        Assert.True(SetCookieHeader.Without(header, IdentityCookies.IsOurs) is null or { Count: 0 });
    });

    [Fact]
    public void Cursor_is_refused_or_reads_as_what_it_writes() => Fuzz("cursors.txt", static (input, _) =>
    {
        var text = Encoding.UTF8.GetString(input);
        if (RoutePlace.Read(text) is { } place)
        {
            Assert.Equal(place, RoutePlace.Read(place.Write()));
        }

        if (RouteId.TryParse(text, out var user))
        {
            Assert.Equal(text, RouteId.Of(user.Value));
        }
    });

    [Fact]
    public void Redis_url_is_read_or_refused_without_a_word_of_its_password() => Fuzz("redis-urls.txt", static (input, _) =>
    {
        if (!RedisUrl.TryParse(Encoding.UTF8.GetString(input), out var options, out var fault))
        {
            Assert.Null(options);
            Assert.NotEmpty(fault);
            Assert.DoesNotContain("fake", fault, StringComparison.OrdinalIgnoreCase);
        }
    });

    [Fact]
    public void Record_is_refused_as_json_or_stays_as_it_was_read() => Fuzz("records.txt", static (input, _) =>
    {
        var body = Encoding.UTF8.GetString(input);
        Again(() => RecordJson.ReadSession(body, Epoch), static session => RecordJson.Print(session), static text => RecordJson.ReadSession(text, Epoch));
        Again(() => RecordJson.ReadMachine(body, Epoch), static record => RecordJson.Print(record), static text => RecordJson.ReadMachine(text, Epoch));
    });

    [Fact]
    public void Change_message_is_heard_or_passed_over()
    {
        var feed = new ChangeFeed(new QuietChannel(), new SessionsMetrics(new NoMeters()), new FakeTimeProvider(), new Random(1), NullLogger<ChangeFeed>.Instance);
        Fuzz("messages.txt", (input, _) => feed.Hear(Encoding.UTF8.GetString(input)));
    }

    [Fact]
    public void Answer_of_the_machines_api_is_a_result_whatever_it_is()
    {
        using var stage = new MachinesStage();
        Fuzz("answers.txt", (input, random) =>
        {
            var text = Encoding.UTF8.GetString(input);
            var status = int.TryParse(text.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 200 and <= 599 ? number : 200;
            var body = text.Contains(' ', StringComparison.Ordinal) ? text[(text.IndexOf(' ', StringComparison.Ordinal) + 1)..] : "";
            _ = MachinesAnswers.Of((MachinesCall)random.Next(Enum.GetValues<MachinesCall>().Length), status, body, new HttpResponseMessage().Headers, Now);
            // Only what is not tried again: pauses are what resilience is about, and another test's.
            if (status is >= 200 and < 300)
            {
                stage.Api.Answers((HttpStatusCode)status, body, ("fly-next-cursor", "next"));
                Read(stage.Machines, random.Next(5)).WaitAsync(MachinesStage.Limit).GetAwaiter().GetResult();
                stage.Api.Requests.Clear();
                stage.Logs.Lines.Clear();
            }
        }, share: 0.2);
    }

    private static async Task Read(IMachines machines, int call)
    {
        switch (call)
        {
            case 0:
                _ = Described((await machines.GetAsync(MachinesStage.App, MachinesStage.Machine, default)).Value);
                break;
            case 1:
                _ = (await machines.ListAsync(MachinesStage.App, new Dictionary<string, string>(), null, default)).Value?.Machines.Select(Described).Count();
                break;
            case 2:
                _ = (await machines.LeaseAsync(MachinesStage.App, MachinesStage.Machine, TimeSpan.FromSeconds(30), "", default)).Value?.ToString();
                break;
            case 3:
                _ = (await machines.ListVolumesAsync(MachinesStage.App, default)).Value?.Count(static volume => volume.Usable);
                break;
            default:
                _ = (await machines.GetVolumeAsync(MachinesStage.App, MachinesStage.Volume, default)).Value?.ToString();
                break;
        }
    }

    private static string Described(Machine? machine) => machine is null ? "" : $"{machine} {machine.Metadata.Count} {machine.Events.Count}";

    /// <summary>The corpus as it is, and then what is made of it. <c>FUZZ_INPUTS</c> and <c>FUZZ_SEED</c>: how many, and which.</summary>
    private void Fuzz(string corpusFile, Action<byte[], Random> parse, double share = 1)
    {
        var corpus = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fuzzing", "Corpora", corpusFile))
            .Select(line => corpusFile.EndsWith(".hex", StringComparison.Ordinal) ? Convert.FromHexString(line) : Encoding.UTF8.GetBytes(line)).ToList();
        var seed = Number("FUZZ_SEED", 1);
        var random = new Random(seed);
        var mutator = new Mutator(random, corpus);
        corpus.ForEach(Try);
        var made = (int)(Number("FUZZ_INPUTS", 20_000) * share);
        for (var number = 0; number < made; number++)
        {
            Try(mutator.Next());
        }

        output.WriteLine($"{corpus.Count} inputs and {made} made of them, seed {seed}");

        void Try(byte[] input)
        {
            try
            {
                parse(input, random);
            }
            catch (Exception exception)
            {
                Assert.Fail($"input {Convert.ToHexString(input)} ({Encoding.Latin1.GetString(input)}): {exception}");
            }
        }
    }

    private static void Again<T>(Func<T> read, Func<T, string> print, Func<string, T> readAgain)
    {
        T record;
        try
        {
            record = read();
        }
        catch (JsonException)
        {
            return;
        }

        // What was left out of it may be written as empty once; from then on it stays as it is.
        var text = print(readAgain(print(record)));
        Assert.Equal(text, print(readAgain(text)));
    }

    private static List<string> Names(string header) =>
        [.. header.Split(';').Select(static pair => pair.Trim()).Where(static pair => pair.Length > 0).Select(static pair => pair.Split('=')[0].TrimEnd())];

    /// <summary>The same by the letter of RFC 6455, 5.2, over all bytes at once.</summary>
    private static (bool AtBoundary, bool Closed, bool Data) Follow(ReadOnlySpan<byte> bytes)
    {
        var (closed, data) = (false, false);
        while (bytes.Length > 0)
        {
            if (bytes.Length < 2)
            {
                return (false, closed, data);
            }

            var (opcode, size) = (bytes[0] & 15, bytes[1] & 127);
            var extended = size == 127 ? 8 : size == 126 ? 2 : 0;
            var header = 2 + extended + ((bytes[1] & 128) != 0 ? 4 : 0);
            if (bytes.Length < header)
            {
                return (false, closed, data);
            }

            var length = extended == 0 ? new UInt128(0, (ulong)size) : UInt128.Zero;
            foreach (var part in bytes.Slice(2, extended))
            {
                length = (length << 8) | part;
            }

            (closed, data) = (closed | (opcode == 8), data | (opcode < 8));
            if (length > (UInt128)(bytes.Length - header))
            {
                return (false, closed, data);
            }

            bytes = bytes[(header + (int)length)..];
        }

        return (true, closed, data);
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
