using Gateway.Sessions;
using Xunit;

namespace Gateway.Tests.Sessions;

public sealed class RecordJsonTests
{
    [Fact]
    public void Record_CarriesItsFormatNumber_AndStatesInLowerCase()
    {
        var body = RecordJson.Print(new MachineRecord { Machine = new MachineId("m1"), App = "a", State = MachineRecordState.Draining });

        Assert.Contains("\"v\":1", body, StringComparison.Ordinal);
        Assert.Contains("\"machine\":\"m1\"", body, StringComparison.Ordinal);
        Assert.Contains("\"state\":\"draining\"", body, StringComparison.Ordinal);
    }

    [Fact]
    public void FormatNumberOfANewerVersion_SurvivesAWrite()
    {
        var read = RecordJson.ReadSession("""{"v":2,"user":"alice","state":"assigned","app":"a","changed_at":"2030-01-01T00:00:00+00:00","tomorrow":[1]}""", 5);

        var body = RecordJson.Print(read with { Region = "iad" });

        Assert.Contains("\"v\":2", body, StringComparison.Ordinal);
        Assert.Contains("\"tomorrow\":[1]", body, StringComparison.Ordinal);
    }

    [Fact]
    public void RecordWrittenBeforeThereWasAFormatNumber_IsOfTheFirst()
    {
        var read = RecordJson.ReadSession("""{"user":"alice","state":"assigned","app":"a","changed_at":"2030-01-01T00:00:00+00:00"}""", 5);

        Assert.Equal(1, read.Format);
    }
}
